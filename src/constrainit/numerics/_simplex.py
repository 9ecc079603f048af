"""Euclidean projection onto the scaled probability simplex and the L1 ball, without sorting."""

import math

from keras import ops

from constrainit._compile import looping

from ._blocks import by_blocks
from ._limits import at_least
from ._sums import axis_sum


def project_simplex(w, total, axis, where=None):
    """Nearest point of `{x >= 0, sum(x) = total}` along `axis`.

    Michelot's algorithm: Newton on the piecewise linear dual `sum(max(w - t, 0)) = total`. The
    threshold only grows and the support only shrinks, so it ends after at most one round per
    entry (about five in practice). Entries more than `total` below the largest can not be in the
    support; lifting them to that level, and taking a large offset off, bounds every number by
    three times `total`, so that neither 1e20 nor 1e6 costs precision.

    Args:
        w: Float tensor without NaN.
        total: Positive number, or a tensor of such that goes with `w`.
        axis: Tuple of axes that sum to `total`.
        where: Optional boolean tensor of the shape of `w`; entries outside are zero.

    Source: C. Michelot, "A finite algorithm for finding the projection of a point onto the
    canonical simplex of R^n", 1986; L. Condat, "Fast projection onto the simplex", 2016.
    """
    if where is None:
        return _projected(w, total, axis)
    low = ops.convert_to_tensor(-math.inf, dtype=w.dtype)
    image = _projected(ops.where(where, w, low), total, axis)
    return ops.where(where, image, ops.zeros_like(image))


def _projected(w, total, axis):
    # One of several totals is within another loop, and no key of a program.
    if isinstance(total, (int, float)):
        return looping(_by_blocks, total, tuple(axis), tuple(w.shape))(w)
    return _by_blocks(total, axis, w.shape, w)


def _by_blocks(total, axis, shape, w):
    return by_blocks(lambda block, own: _onto_simplex(block, total, own), w, axis)


def _onto_simplex(kept, total, axis):
    peak = ops.max(kept, axis=axis, keepdims=True)
    # Only a large offset: it would cost the small entries beside a peak of a few parts of `total`
    # their last digits, of which a unit of 65,536 entries has many.
    far = ops.abs(peak) > 2 * total
    offset = ops.where(far, peak, ops.zeros_like(peak))
    # Not `peak - offset - total`: TensorFlow's graphs add the last two first.
    floor = ops.where(far, ops.zeros_like(peak), peak) - total
    v = at_least(kept - offset, floor)

    def surplus(t):
        return axis_sum(at_least(v - t, 0.0), axis) - total

    def support(t):
        return axis_sum(ops.cast(v > t, v.dtype), axis)

    def grow(t, size, shrinking):
        # A unit that is done stays: what it becomes must not depend on its neighbours.
        t = ops.where(shrinking, t + surplus(t) / at_least(size, 1.0), t)
        smaller = support(t)
        return t, smaller, smaller < size

    rounds = math.prod(kept.shape[a] for a in axis)
    threshold, size, _ = ops.while_loop(
        lambda t, size, shrinking: ops.any(shrinking),
        grow,
        (floor, support(floor), ops.ones_like(floor, dtype="bool")),
        maximum_iterations=rounds + 1,
    )
    # Once more from the weights themselves: exactly zero for weights that sum to `total` exactly.
    held = ops.where(v > threshold, v, ops.zeros_like(v))
    threshold = (axis_sum(held, axis) - total) / at_least(size, 1.0)
    image = at_least(v - threshold, 0.0)
    for _ in range(2):
        used = image > 0
        size = at_least(axis_sum(ops.cast(used, v.dtype), axis), 1.0)
        share = (axis_sum(image, axis) - total) / size
        image = ops.where(used, at_least(image - share, 0.0), ops.zeros_like(image))
    return image


def project_l1_ball(w, radius, axis, where=None):
    """Nearest point of `{x : sum(|x|) <= radius}` along `axis`; arguments as `project_simplex`.

    Outside of the ball the magnitudes go to the simplex and the signs stay.

    Source: J. Duchi et al., "Efficient projections onto the l1-ball", 2008.
    """
    size = ops.abs(w)
    inside = axis_sum(size, axis) <= radius
    image = project_simplex(size, radius, axis, where)
    return ops.where(inside, w, ops.where(image > 0, ops.sign(w) * image, image))
