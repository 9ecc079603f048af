"""Which axes of a weight feed one unit of the layer that owns it."""

import keras

from constrainit._set import ConstraintSet

_LAYERS = keras.layers
_CONVOLUTIONS = (_LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D)
_TRANSPOSED = (_LAYERS.Conv1DTranspose, _LAYERS.Conv2DTranspose, _LAYERS.Conv3DTranspose)
_DEPTHWISE = (_LAYERS.DepthwiseConv1D, _LAYERS.DepthwiseConv2D)
_SEPARABLE = (_LAYERS.SeparableConv1D, _LAYERS.SeparableConv2D)
_CELLS = (_LAYERS.LSTMCell, _LAYERS.GRUCell, _LAYERS.SimpleRNNCell)

RECURRENT = "recurrent_kernel"


def unit_axes(
    layer: keras.layers.Layer, name: str, shape: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The axes of the weight `name` of `layer` that feed one unit, or None if they are not known.

    A weight of rank 1 or 0 (a bias, a scale) is one unit as a whole.
    """
    rank = len(shape)
    if rank < 2:
        return tuple(range(rank))
    if isinstance(layer, _LAYERS.EinsumDense):
        return _einsum_axes(layer, rank) if name == "kernel" else None
    if isinstance(layer, _LAYERS.Embedding):
        return (0,) if name == "reverse_embeddings" else (1,)
    if isinstance(layer, _DEPTHWISE) or name == "depthwise_kernel":
        return tuple(range(rank - 2))
    if isinstance(layer, _TRANSPOSED):
        return (*range(rank - 2), rank - 1)
    if isinstance(layer, (_LAYERS.Dense, *_CONVOLUTIONS, *_SEPARABLE, *_CELLS)):
        return tuple(range(rank - 1))
    # The cells of ConvLSTM have no public name.
    if type(layer).__module__.startswith("keras.") and name in ("kernel", RECURRENT):
        return tuple(range(rank - 1)) if "ConvLSTMCell" in type(layer).__name__ else None
    return None


def _einsum_axes(layer, rank):
    operands, output = layer.equation.replace(" ", "").split("->")
    letters = operands.split(",")[1].replace("...", "")
    if len(letters) != rank:
        return None
    return tuple(i for i, letter in enumerate(letters) if letter not in output)


def resolve(
    a_set: ConstraintSet, layer, name: str, shape: tuple[int, ...], path: str
) -> ConstraintSet:
    """`a_set` with its axes chosen for a weight.

    Raises:
        ValueError: The axes are not known, or the set has no members of this shape; the message
            names the weight.
    """
    if a_set.unresolved:
        axes = unit_axes(layer, name, shape)
        if axes is None:
            raise ValueError(
                f"The axes of {path!r} {tuple(shape)} that feed one unit of "
                f"`{type(layer).__name__}` are not known, so `axis=None` of {a_set!r} can not be "
                "resolved. Write the axes yourself, for example "
                f"axis={list(range(len(shape) - 1))} for all but the last."
            )
        a_set = a_set.resolve(axes)
    try:
        a_set.check_shape(tuple(shape))
    except ValueError as misfit:
        raise ValueError(f"The constraint of {path!r} does not fit it. {misfit}") from None
    return a_set
