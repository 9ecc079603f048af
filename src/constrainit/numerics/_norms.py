"""Norms that neither overflow nor underflow."""

import keras
from keras import ops

from ._limits import at_least
from ._sums import axis_sum


def polar(w, axis):
    """Direction and Euclidean norm of `w` over `axis`, the norm kept as axes of size one.

    The largest magnitude is divided out before squaring, so that 1e30 and 1e-30 in float32 have
    the norm that they should have. The direction of the zero vector is zero. `axis=()` gives the
    sign and `|w|`.
    """
    if not axis:
        return ops.sign(w), ops.abs(w)
    peak, scaled, size = _parts(w, axis)
    return scaled / size, peak * size


def safe_norm(w, axis):
    """Euclidean norm of `w` over `axis`, kept as axes of size one; see `polar`."""
    if not axis:
        return ops.abs(w)
    peak, _, size = _parts(w, axis)
    return peak * size


def plain_norm(w, axis):
    """As `safe_norm` in fewer passes, for a `w` whose squares neither over- nor underflow."""
    if keras.backend.backend() == "torch":
        # At each step of training, where the bookkeeping of `keras.ops` would be seen.
        return w.square().sum(axis, keepdim=True).sqrt()
    return ops.sqrt(axis_sum(ops.square(w), axis))


def _parts(w, axis):
    peak = ops.max(ops.abs(w), axis=axis, keepdims=True)
    scaled = w / ops.where(peak > 0, peak, ops.ones_like(peak))
    # At least one but for the zero vector, where the root has no slope.
    return (
        peak,
        scaled,
        ops.sqrt(at_least(ops.sum(ops.square(scaled), axis=axis, keepdims=True), 1.0)),
    )
