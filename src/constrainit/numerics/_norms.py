"""Norms that neither overflow nor underflow."""

import keras
from keras import ops

from ._limits import at_least
from ._rule import may_write_over
from ._sums import axis_sum

# Entries of the squares that are added up at a time: half a megabyte of float32.
_BLOCK = 2**17


def polar(w, axis):
    """Direction and Euclidean norm of `w` over `axis`, the norm kept as axes of size one.

    The largest magnitude is divided out before squaring, so that 1e30 and 1e-30 in float32 have
    the norm that they should have. The direction of the zero vector is zero. `axis=()` gives the
    sign and `|w|`.
    """
    if not axis:
        return ops.sign(w), ops.abs(w)
    peak, scaled = _parts(w, axis)
    size = _size(ops.square(scaled), axis)
    return scaled / size, peak * size


def safe_norm(w, axis):
    """Euclidean norm of `w` over `axis`, kept as axes of size one; see `polar`."""
    if not axis:
        return ops.abs(w)
    peak, scaled = _parts(w, axis)
    square = scaled.square_() if may_write_over(scaled) else ops.square(scaled)
    return peak * _size(square, axis)


def plain_norm(w, axis):
    """As `safe_norm` in fewer passes, for a `w` whose squares neither over- nor underflow."""
    if keras.backend.backend() == "torch":
        # At each step of training, where the bookkeeping of `keras.ops` would be seen.
        if axis and w.device.type == "cpu" and tuple(axis) == tuple(range(w.ndim - 1)):
            return _norm_of_columns(w)
        return w.square().sum(axis, keepdim=True).sqrt()
    return ops.sqrt(axis_sum(ops.square(w), axis))


def _norm_of_columns(w):
    """As `plain_norm` of PyTorch over all axes but the last, on a CPU.

    Squares are added up in a block that stays in the cache; as a tensor of their own they are
    written to memory and read from there.
    """
    rows = w.reshape(-1, w.shape[-1])
    first, *rest = rows.split(max(_BLOCK // w.shape[-1], 1))
    squares = first.square()
    for block in rest:
        squares[: len(block)].addcmul_(block, block)
    return squares.sum(0).sqrt().reshape((1,) * (w.ndim - 1) + (-1,))


def _parts(w, axis):
    peak = ops.max(ops.abs(w), axis=axis, keepdims=True)
    return peak, w / ops.where(peak > 0, peak, ops.ones_like(peak))


def _size(square, axis):
    # At least one but for the zero vector, where the root has no slope.
    return ops.sqrt(at_least(ops.sum(square, axis=axis, keepdims=True), 1.0))
