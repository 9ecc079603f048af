"""Isotonic regression of many sequences at once, without a scan."""

import math

from keras import ops

from ._limits import at_least, at_most

ROUNDS = 100


def isotonic(w):
    """Nearest non-decreasing sequences to the columns of `w`.

    Halves are joined pairwise, `log2(n)` times. Where two non-decreasing sequences meet, only what
    lies above some level `c` in the first and below it in the second changes, to `c`, the root of
    `sum(max(first - c, 0)) = sum(max(c - second, 0))`: both sides are piecewise linear, and Newton
    finds it for all joints side by side in a few rounds. The result is non-decreasing exactly,
    and what already was comes back bit for bit.

    Args:
        w: Float tensor `(n, columns)` without NaN or infinity.

    Source: M. Best, N. Chakravarti, "Active set algorithms for isotonic regression", 1990, for
    the blocks; joining them pairwise follows from minimum-maximum form.
    """
    length, columns = w.shape
    half = 1
    while half < length:
        joints = math.ceil(length / (2 * half))
        lacking = 2 * half * joints - w.shape[0]
        if lacking:
            # Above everything else, so that no joint moves them.
            top = ops.max(w, axis=0, keepdims=True)
            w = ops.concatenate([w, ops.broadcast_to(top, (lacking, columns))], axis=0)
        parts = ops.reshape(w, (joints, 2, half, columns))
        first, second = parts[:, :1], parts[:, 1:]
        level = _level(first, second)
        joined = ops.concatenate([at_most(first, level), at_least(second, level)], axis=1)
        w = ops.reshape(joined, (2 * half * joints, columns))
        half *= 2
    return w[:length]


def _level(first, second):
    """The level that two non-decreasing sequences meet at."""
    low, high = second[:, :, :1], first[:, :, -1:]
    crossing = high > low

    def open_(turn, level, low, high, found):
        return ops.any(ops.logical_not(found))

    def nearer(turn, level, low, high, found):
        above, below = at_least(first - level, 0.0), at_least(level - second, 0.0)
        excess = _sum(above) - _sum(below)
        size = _sum(ops.cast(above > 0, level.dtype)) + _sum(ops.cast(below > 0, level.dtype))
        low = ops.where(excess > 0, level, low)
        high = ops.where(excess < 0, level, high)
        newton = level + excess / at_least(size, 1.0)
        # Newton may swing about a joint of the pieces: in the middle it can not for long.
        middle = low / 2 + high / 2
        inside = ops.logical_and(newton > low, newton < high)
        target = ops.where(ops.logical_and(inside, turn % 4 < 3), newton, middle)
        settled = ops.logical_or(found, ops.equal(newton, level))
        level = ops.where(settled, level, target)
        narrow = ops.logical_or(middle <= low, middle >= high)
        return turn + 1, level, low, high, ops.logical_or(settled, narrow)

    start = ops.where(crossing, low / 2 + high / 2, high)
    state = (ops.convert_to_tensor(0), start, low, high, ops.logical_not(crossing))
    return ops.while_loop(open_, nearer, state, maximum_iterations=ROUNDS)[1]


def _sum(x):
    return ops.sum(x, axis=2, keepdims=True)
