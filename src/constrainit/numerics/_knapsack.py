"""Euclidean projection onto a weighted sum between bounds, without sorting."""

import math

import numpy as np
from keras import ops

from ._limits import at_least, at_most
from ._sums import axis_sum

# A sum that is off by more than this share is no rounding of float32.
_LOST = 1e-5


def project_between(w, low, high, total, axis, weights=None, or_less=False):
    """Nearest point of `{low <= x <= high, sum(weights * x) = total}` along `axis`.

    The image is `w - t * weights` taken to the bounds, for one number `t` of each unit. Variables
    are fixed: `t` is that of the equation for the free ones, and tells on which side more is taken
    to the bounds than the total allows; those stay there, and the others go on. What is fixed
    never comes back, so that it ends after at most one round per entry (some five in practice). A
    second run begins where the first ended, with numbers of the size of the bounds, so that a
    level of 1e6 common to all entries costs no digits. Where the bounds do not allow the total,
    the result is the point between them whose sum is nearest to it.

    Args:
        w: Float tensor without NaN.
        low: Number, or array that broadcasts to `w`; may hold `-inf`.
        high: As `low`; may hold `inf`.
        total: Number.
        axis: Tuple of the axes of a unit.
        weights: Array that broadcasts to `w`, with an entry other than zero; None for ones.
        or_less: Whether a sum below `total` is allowed too.

    Source: K. Kiwiel, "Variable fixing algorithms for the continuous quadratic knapsack problem",
    2008.
    """
    low, high = np.asarray(low, "float64"), np.asarray(high, "float64")
    sign = 1.0
    if weights is not None and (weights < 0).any():
        # With signs turned all weights are positive.
        sign = np.where(weights < 0, -1.0, 1.0)
        low, high = np.where(sign < 0, -high, low), np.where(sign < 0, -low, high)
        weights = np.abs(weights)
    sign, low, high, weights = (
        ops.convert_to_tensor(part, dtype=w.dtype)
        for part in (sign, low, high, 1.0 if weights is None else weights)
    )
    v = w * sign
    within = at_most(at_least(v, low), high)
    every = ops.ones_like(axis_sum(v, axis), dtype="bool")
    image = v
    for _ in range(2):
        image = image - weights * _level(image, low, high, total, weights, axis, every)
    image = at_most(at_least(image, low), high)
    # Once more between the bounds, where the rounding of 1e20 has hidden what the others sum to.
    size = axis_sum(ops.abs(weights * image), axis) + abs(total)
    lost = ops.abs(axis_sum(weights * image, axis) - total) > _LOST * size
    image = image - weights * _level(image, low, high, total, weights, axis, lost)
    image = at_most(at_least(image, low), high)
    # What is left is rounding, and shared out between the bounds: what is at one stays there.
    for _ in range(2):
        inside = ops.logical_and(image > low, image < high)
        free = ops.where(inside, weights, ops.zeros_like(image))
        square = axis_sum(ops.square(free), axis)
        surplus = axis_sum(weights * image, axis) - total
        share = surplus / ops.where(square > 0, square, ops.ones_like(square))
        image = at_most(at_least(image - free * share, low), high)
    if or_less:
        image = ops.where(axis_sum(weights * within, axis) <= total, within, image)
    return image * sign


def _level(v, low, high, total, weights, axis, going):
    """The `t` for which `v - t * weights`, taken to the bounds, has the total; 0 if not `going`."""

    def mean(x, free, size):
        return axis_sum(ops.where(free, x / size, ops.zeros_like(v)), axis)

    def fix(level, free, rest, going):
        size = at_least(axis_sum(ops.cast(free, v.dtype), axis), 1.0)
        square = mean(ops.square(weights), free, size)
        next_ = (mean(weights * v, free, size) - rest / size) / ops.where(square > 0, square, 1.0)
        # A unit that is done stays: what it becomes must not depend on its neighbours.
        level = ops.where(ops.logical_and(going, square > 0), next_, level)
        image = v - level * weights
        taken = ops.where(free, weights * at_most(at_least(image, low), high), 0.0)
        surplus = axis_sum(taken, axis) - rest
        least = ops.logical_and(image <= low, surplus > 0)
        most = ops.logical_and(image >= high, surplus < 0)
        fixed = ops.logical_and(ops.logical_and(free, going), ops.logical_or(least, most))
        rest = rest - axis_sum(ops.where(fixed, taken, ops.zeros_like(v)), axis)
        return (
            level,
            ops.logical_and(free, ops.logical_not(fixed)),
            rest,
            ops.any(fixed, axis=axis, keepdims=True),
        )

    zero = ops.zeros_like(axis_sum(v, axis))
    state = (
        zero,
        ops.logical_and(ops.ones_like(v, dtype="bool"), weights > 0),
        zero + total,
        going,
    )
    rounds = math.prod(v.shape[a] for a in axis) + 1
    return ops.while_loop(
        lambda level, free, rest, going: ops.any(going), fix, state, maximum_iterations=rounds
    )[0]
