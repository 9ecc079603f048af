"""Norms that neither overflow nor underflow."""

from keras import ops

from ._limits import at_least


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


def _parts(w, axis):
    peak = ops.max(ops.abs(w), axis=axis, keepdims=True)
    scaled = w / ops.where(peak > 0, peak, ops.ones_like(peak))
    # At least one but for the zero vector, where the root has no slope.
    return (
        peak,
        scaled,
        ops.sqrt(at_least(ops.sum(ops.square(scaled), axis=axis, keepdims=True), 1.0)),
    )
