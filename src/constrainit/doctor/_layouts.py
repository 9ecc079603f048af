"""How layers of Keras lay out their weights."""

import keras

from constrainit._gates import gates_of
from constrainit.model import WeightRecord

_LAYERS = keras.layers
_ORDERS = {4: "input, forget, cell, output", 3: "update, reset, candidate"}
_FIRST = {"kernel": "inputs", "recurrent": "units"}
_TRANSPOSED = (_LAYERS.Conv1DTranspose, _LAYERS.Conv2DTranspose, _LAYERS.Conv3DTranspose)
_DEPTHWISE = (_LAYERS.DepthwiseConv1D, _LAYERS.DepthwiseConv2D)
_CONVOLUTIONS = (_LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D)
_SEPARABLE = (_LAYERS.SeparableConv1D, _LAYERS.SeparableConv2D)
_PROJECTIONS = ("query", "key", "value")


def layout(record: WeightRecord) -> str:
    """What the axes of a weight mean, where it is not what most people expect; else empty."""
    layer, argument, gates = record.layer, record.argument, gates_of(record.layer)
    kind = type(layer).__name__
    if gates > 1:
        return _of_gates(record, kind.removesuffix("Cell"), gates)
    if argument == "bias" or len(record.shape) < 2:
        return ""
    if isinstance(layer, _LAYERS.EinsumDense):
        return _of_einsum(layer)
    if isinstance(layer, _DEPTHWISE) or argument == "depthwise":
        return f"a depthwise kernel of {kind} is (*kernel_size, inputs, depth_multiplier)"
    if isinstance(layer, _TRANSPOSED):
        return f"the kernel of {kind} is (*kernel_size, filters, inputs)"
    if isinstance(layer, (*_CONVOLUTIONS, *_SEPARABLE)):
        return f"the kernel of {kind} is (*kernel_size, inputs, filters)"
    if isinstance(layer, _LAYERS.Dense):
        return "the kernel of Dense is (inputs, units)"
    if isinstance(layer, _LAYERS.Embedding):
        return "the table of Embedding is (input_dim, output_dim), a row for each index"
    return ""


def _of_gates(record, kind, gates):
    units = "filters" if kind.startswith("Conv") else "units"
    first = _FIRST.get(record.argument, "").replace("units", units)
    before = "*kernel_size, " if units == "filters" and first else ""
    rows = "2, " if record.argument == "bias" and len(record.shape) == 2 else ""
    shape = f"({before}{first}{', ' if first else rows}{gates} * {units})"
    what = {"recurrent": "recurrent kernel"}.get(record.argument, record.argument)
    return (
        f"the {what} of {kind} holds its {gates} gates ({_ORDERS[gates]}) side by side, as {shape}"
    )


def _of_einsum(layer):
    axes = layer.equation.replace(" ", "").split("->")[0].split(",")[1]
    if layer.name in _PROJECTIONS and len(axes) == 3:
        return f"the {layer.name} kernel of an attention layer is (inputs, heads, size of a head)"
    if layer.name == "attention_output":
        return "the output kernel of an attention layer is (heads, size of a head, outputs)"
    return f"the kernel of EinsumDense has the axes {axes!r} of its equation {layer.equation!r}"
