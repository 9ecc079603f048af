"""Norms that neither overflow nor underflow."""

from keras import ops


def safe_norm(w, axis):
    """Euclidean norm of `w` over `axis`, kept as axes of size one.

    The largest magnitude is divided out before squaring, so that 1e30 and 1e-30 in float32 have
    the norm that they should have. `axis=()` gives `|w|`.
    """
    if not axis:
        return ops.abs(w)
    peak = ops.max(ops.abs(w), axis=axis, keepdims=True)
    scale = ops.where(peak > 0, peak, ops.ones_like(peak))
    return (
        scale
        * ops.sqrt(ops.sum(ops.square(w / scale), axis=axis, keepdims=True))
        * ops.cast(peak > 0, w.dtype)
    )
