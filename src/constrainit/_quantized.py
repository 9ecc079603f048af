"""Weights that Keras has quantized to eight or four bits: what they stand for, and their scales."""

from typing import Any

import keras
from keras import ops

MODES = ("int8", "int4")


def unreadable(layer: Any) -> str:
    """Why the weight of a quantized layer can not be looked at, or an empty string."""
    kind = type(layer)
    if kind in (keras.layers.Dense, keras.layers.Embedding):
        return ""
    if kind is not keras.layers.EinsumDense:
        return (
            "quantized: can be looked at in Dense, EinsumDense and Embedding, not in "
            f"{kind.__name__}"
        )
    if layer.quantization_mode == "int8":
        return ""
    # Keras stores a matrix, for which it takes the axes that are summed over to come first.
    first = axes_of(layer) == tuple(range(len(axes_of(layer))))
    if first and hasattr(layer, "_int4_unpacked_column_size"):
        return ""
    return f"quantized: can not be looked at in EinsumDense of the equation {layer.equation!r}"


def axes_of(layer: Any) -> tuple[int, ...]:
    """The axes of the entries of a unit, which share a scale, or several by groups."""
    if isinstance(layer, keras.layers.Embedding):
        return (1,)
    if isinstance(layer, keras.layers.EinsumDense):
        return tuple(sorted(layer._kernel_reduced_axes))
    return (0,)


def value_of(layer: Any) -> Any:
    """The weight that integers and scales stand for, in float32."""
    name = _name(layer)
    whole, scale = getattr(layer, f"_{name}"), ops.cast(_scale(layer), "float32")
    if layer.quantization_mode == "int4":
        whole = keras.quantizers.unpack_int4(whole, _columns(layer), axis=-1)
    whole = ops.cast(whole, "float32")
    if _is_grouped(layer):
        across = axes_of(layer)[0]
        groups = ops.cast(ops.convert_to_tensor(layer.g_idx), "int32")
        zero = ops.take(ops.convert_to_tensor(getattr(layer, f"{name}_zero")), groups, axis=across)
        value = (whole - ops.cast(zero, "float32")) * ops.take(scale, groups, axis=across)
    elif name == "embeddings":
        value = whole / scale[:, None]
    elif _is_spread(layer):
        value = whole / layer._adjust_scale_for_dequant(scale)
    else:
        value = whole / scale
    if isinstance(layer, keras.layers.EinsumDense) and not _is_spread(layer):
        value = ops.reshape(value, layer.original_kernel_shape)
    if layer.lora_enabled:
        first, second = (getattr(layer, f"lora_{name}_{end}") for end in "ab")
        value = value + layer.lora_alpha / layer.lora_rank * ops.matmul(first, second)
    return value


def rescale(layer: Any, factors: Any) -> None:
    """Multiplies each unit of the weight.

    Args:
        layer: A quantized layer.
        factors: Of the weight's shape, but one along `axes_of`.
    """
    scale = _scale(layer)
    # Without groups integers are divided by their scale.
    factors = factors if _is_grouped(layer) else 1 / factors
    if _is_spread(layer):
        factors = layer._adjust_scale_for_quant(factors, "kernel")
    else:
        by_rows = isinstance(layer, keras.layers.Embedding) and _is_grouped(layer)
        factors = ops.reshape(factors, (-1, 1) if by_rows else (-1,))
    scale.assign(scale * ops.cast(factors, scale.dtype))


def _name(layer):
    return "embeddings" if isinstance(layer, keras.layers.Embedding) else "kernel"


def _scale(layer):
    return getattr(layer, f"{_name(layer)}_scale")


def _is_spread(layer):
    """Whether scales lie as the axes of the outputs do."""
    return isinstance(layer, keras.layers.EinsumDense) and layer.quantization_mode == "int8"


def _is_grouped(layer):
    """Whether groups of inputs have a scale each: one to multiply with, and a zero of their own."""
    return layer.quantization_mode == "int4" and len(_scale(layer).shape) == 2


def _columns(layer):
    if isinstance(layer, keras.layers.EinsumDense):
        return layer._int4_unpacked_column_size
    return layer._orig_output_dim
