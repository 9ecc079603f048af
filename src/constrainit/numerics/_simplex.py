"""Euclidean projection onto the scaled probability simplex, without sorting."""

import math

from keras import ops

from ._limits import at_least


def project_simplex(w, total, axis, where=None):
    """Nearest point of `{x >= 0, sum(x) = total}` along `axis`.

    Michelot's algorithm: Newton on the piecewise linear dual `sum(max(w - t, 0)) = total`. The
    threshold only grows and the support only shrinks, so it ends after at most one round per
    entry (about ten in practice). Entries more than `total` below the largest can not be in the
    support; lifting them to that level, and taking a large offset off, bounds every number by
    three times `total`, so that neither 1e20 nor 1e6 costs precision.

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
    # Only a large offset: it would cost the small entries beside a peak of a few parts of `total`
    # their last digits, of which a unit of 65,536 entries has many.
    far = ops.abs(peak) > 2 * total
    offset = ops.where(far, peak, ops.zeros_like(peak))
    # Not `peak - offset - total`: TensorFlow's graphs add the last two first.
    floor = ops.where(far, ops.zeros_like(peak), peak) - total
    v = at_least(ops.where(kept, w, low) - offset, floor)

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
    image = ops.where(support, at_least(v - threshold(support), 0.0), ops.zeros_like(v))
    for _ in range(2):
        used = ops.cast(image > 0, v.dtype)
        surplus = ops.sum(image, axis=axis, keepdims=True) - total
        size = at_least(ops.sum(used, axis=axis, keepdims=True), 1.0)
        image = at_least(image - used * surplus / size, 0.0)
    return image
