"""How layers of Keras lay out their weights, and constants of a constraint that do not fit them."""

import inspect
import math
from typing import Any, NamedTuple

import keras
import numpy as np

from constrainit.model import WeightRecord

_LAYERS = keras.layers
GATES = {_LAYERS.LSTMCell: 4, _LAYERS.GRUCell: 3}
"""How many gates the weights of a cell hold side by side."""

_ORDERS = {4: "input, forget, cell, output", 3: "update, reset, candidate"}
_FIRST = {"kernel": "inputs", "recurrent": "units"}
_TRANSPOSED = (_LAYERS.Conv1DTranspose, _LAYERS.Conv2DTranspose, _LAYERS.Conv3DTranspose)
_DEPTHWISE = (_LAYERS.DepthwiseConv1D, _LAYERS.DepthwiseConv2D)
_CONVOLUTIONS = (_LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D)
_SEPARABLE = (_LAYERS.SeparableConv1D, _LAYERS.SeparableConv2D)
_PROJECTIONS = ("query", "key", "value")

_MOST = 100_000
"""Lists with more entries are not looked into."""


class Constant(NamedTuple):
    """A constant of a constraint.

    Attributes:
        name: How the source of the constraint writes it, such as `self.mask`.
        shape: Its shape.
        listed: Whether it is a list, and no array or tensor.
    """

    name: str
    shape: tuple[int, ...]
    listed: bool = False


def gates_of(record: WeightRecord) -> int:
    """How many gates lie side by side along the last axis of a weight; 1 where it has none."""
    if type(record.layer).__name__ == "ConvLSTMCell":
        return 4
    return next((n for kind, n in GATES.items() if isinstance(record.layer, kind)), 1)


def layout(record: WeightRecord) -> str:
    """What the axes of a weight mean, where it is not what most people expect; else empty."""
    layer, argument, gates = record.layer, record.argument, gates_of(record)
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


def misfits(record: WeightRecord) -> list[Constant]:
    """The constants of a constraint of the user's own that a weight can not be computed with.

    Those are attributes of its object, or what a function takes from around it.
    """
    constants = [
        Constant(name, _shape(value), isinstance(value, (list, tuple)))
        for name, value in _constants(record.constraint)
    ]
    return [
        one
        for one in constants
        if one.shape and 0 not in one.shape and not _fits(one.shape, record.shape)
    ]


def _constants(constraint):
    if not inspect.isfunction(constraint):
        return [(f"self.{name}", value) for name, value in vars(constraint).items()]
    around = inspect.getclosurevars(constraint)
    return [*around.nonlocals.items(), *around.globals.items()]


def _shape(value):
    """The shape of an array, a tensor, or a list of numbers; empty for all else."""
    if isinstance(value, (list, tuple)):
        if math.prod(_sizes(value)) > _MOST:
            return ()
        try:
            return np.asarray(value, "float64").shape
        # A list of anything but numbers, or of lists of several lengths.
        except (TypeError, ValueError):
            return ()
    is_array = isinstance(value, (np.ndarray, keras.Variable)) or keras.ops.is_tensor(value)
    return tuple(value.shape) if is_array else ()


def _sizes(value):
    """The lengths of a list and of the first lists in it."""
    while isinstance(value, (list, tuple)) and value:
        yield len(value)
        value = value[0]


def _fits(shape, target):
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(a in (1, b) for a, b in pairs)


def fitted(record: WeightRecord, constant: Constant) -> tuple[str, str] | None:
    """How a constant is to be laid out to fit a weight: in words, and as an expression.

    None where no layout of the weight tells.
    """
    name, shape, listed = constant
    name = f"keras.ops.array({name})" if listed else name
    target, gates = record.shape, gates_of(record)
    if gates > 1 and _fits((*shape[:-1], shape[-1] * gates), target):
        times: Any = (*(1,) * (len(shape) - 1), gates)
        return f"repeated for each of the {gates} gates", f"keras.ops.tile({name}, {times})"
    if len(shape) == 2 and shape[::-1] == target:
        return "turned", f"keras.ops.transpose({name})"
    if _is_merged(shape, target):
        return "with an axis for the heads", f"keras.ops.reshape({name}, {target})"
    return None


def _is_merged(shape, target):
    """Whether a matrix has the entries of a weight of three axes, two of them as one."""
    if len(shape) != 2 or len(target) != 3:
        return False
    a, b, c = target
    return shape in ((a * b, c), (a, b * c))
