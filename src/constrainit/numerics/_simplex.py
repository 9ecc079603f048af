"""Euclidean projection onto the scaled probability simplex, without sorting."""

import math

from keras import ops

from ._limits import at_least


def project_simplex(w, total, axis, where=None):
    """Nearest point of `{x >= 0, sum(x) = total}` along `axis`.

    Michelot's algorithm: Newton on the piecewise linear dual `sum(max(w - t, 0)) = total`. The
    threshold only grows and the support only shrinks, so it ends after at most one round per
    entry (about ten in practice). Entries more than `total` below the largest can not be in the
    support; lifting them to that level bounds every number by `total`, so that neither 1e20 nor
    an offset of 1e6 costs precision.

    Args:
        w: Float tensor without NaN.
        total: Positive number.
        axis: Tuple of axes that sum to `total`.
        where: Optional boolean tensor of the shape of `w`; entries outside are zero.

    Source: C. Michelot, "A finite algorithm for finding the projection of a point onto the
    canonical simplex of R^n", 1986; L. Condat, "Fast projection onto the simplex", 2016.
    """
    kept = ops.ones_like(w, dtype="bool") if where is None else where
    low = ops.full_like(w, -math.inf)
    peak = ops.max(ops.where(kept, w, low), axis=axis, keepdims=True)
    v = at_least(ops.where(kept, w, low) - peak, -total)

    def threshold(support):
        held = ops.cast(support, v.dtype)
        size = at_least(ops.sum(held, axis=axis, keepdims=True), 1.0)
        return (ops.sum(v * held, axis=axis, keepdims=True) - total) / size

    def shrink(support, _):
        smaller = ops.logical_and(support, v > threshold(support))
        return smaller, ops.any(ops.not_equal(smaller, support))

    rounds = math.prod(w.shape[a] for a in axis)
    support, _ = ops.while_loop(
        lambda support, changed: changed,
        shrink,
        (kept, ops.convert_to_tensor(True)),
        maximum_iterations=rounds,
    )
    return ops.where(support, at_least(v - threshold(support), 0.0), ops.zeros_like(v))
