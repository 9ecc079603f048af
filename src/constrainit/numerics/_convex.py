"""Least-squares convex sequences, many at once."""

import math

import ml_dtypes
import numpy as np
from keras import backend, ops

from ._limits import at_least, at_most

# Each step of the reduction squares what couples two tents: six leave less than a rounding.
STEPS = 6


def convex_sequences(w):
    """Nearest sequences to the columns of `w` whose second differences are not negative.

    The image is a broken line, bent upwards at its knots. Support reduction: of the lines with the
    present knots the best is found. Where it is bent downwards at a knot, the sequence moves
    towards it until the first of its knots is straight, which is then dropped; else knots are added
    where a bend would bring it nearer, until there is no such place. Each line bends upwards only,
    so that one that is cut off after `4 n + 40` rounds is still a member. In the basis of tents
    the best line is the solution of a tridiagonal system whose condition does not grow with `n`:
    the image is nearest to a few roundings of the largest weight.

    Args:
        w: Float tensor `(n, columns)` without NaN or infinity.

    Source: P. Groeneboom, G. Jongbloed, J. Wellner, "The support reduction algorithm for computing
    non-parametric function estimates in mixture models", 2008; M. Meyer, "An extension of the mixed
    primal-dual bases algorithm to the case of more constraints than dimensions", 1999.
    """
    length = w.shape[0]
    if length < 3:
        return w
    info = ml_dtypes.finfo(backend.standardize_dtype(w.dtype))
    tiny = float(info.smallest_normal)
    peak = at_least(_peak(w), tiny)
    scaled = w / peak
    line = _line(scaled)
    # Once more: the mean of weights far from zero carries a rounding of their size.
    line = line + _line(scaled - line)
    bent = scaled - line
    size = at_least(_peak(bent), tiny)
    image = _bent(bent / size, 2 * float(info.eps))
    return (line + size * image) * peak


def _bent(w, least):
    """The image of columns of peak one without a linear part, to a gain of `least`."""
    length = w.shape[0]
    place = np.arange(length)[:, None]
    ends = ops.convert_to_tensor((place == 0) | (place == length - 1))
    nothing = ops.zeros_like(w)

    def unsettled(knots, kinks, image, settled):
        return ops.any(ops.logical_not(settled))

    def round_(knots, kinks, image, settled):
        grid = _Grid(ops.logical_or(knots, ends), w.dtype)
        best, bends = grid.fit(w)
        bends = ops.where(knots, bends, nothing)
        down = ops.logical_and(knots, bends <= 0)
        bounded = ops.any(down, axis=0, keepdims=True)
        fall = ops.where(down, kinks - bends, ops.ones_like(w))
        share = ops.where(down, kinks / ops.where(fall > 0, fall, ops.ones_like(w)), 1.0)
        first = ops.min(share, axis=0, keepdims=True)
        straight = ops.logical_and(down, share <= first)
        missing = ops.logical_and(grid.missing(best - w, least), ops.logical_not(bounded))
        after = ops.logical_and(ops.logical_or(knots, missing), ops.logical_not(straight))
        moved = at_least(kinks + first * (bends - kinks), 0.0)
        moved = ops.where(ops.logical_and(after, knots), moved, nothing)
        reached = ops.where(bounded, image + first * (best - image), best)
        done = ops.logical_not(ops.logical_or(bounded, ops.any(missing, axis=0, keepdims=True)))
        return (
            ops.where(settled, knots, after),
            ops.where(settled, kinks, moved),
            ops.where(settled, image, reached),
            ops.logical_or(settled, done),
        )

    none = ops.zeros_like(w, dtype="bool")
    state = (none, nothing, nothing, none[:1])
    return ops.while_loop(unsettled, round_, state, maximum_iterations=4 * length + 40)[2]


class _Grid:
    """The segments between the knots of each column, and broken lines on them.

    Args:
        knots: Booleans `(n, columns)`, true at both ends.
        dtype: That of the weights.
    """

    def __init__(self, knots, dtype):
        length = knots.shape[0]
        place = ops.convert_to_tensor(np.arange(length, dtype="int32")[:, None])
        count = ops.cumsum(ops.cast(knots, "int32"), axis=0)
        # By segment: where it starts, in order; what is beyond the last knot lies at the end.
        start = ops.sort(ops.where(knots, place, length - 1), axis=0)
        width = _up(start, 1, length - 1) - start
        self.used = width > 0
        self.final = ops.equal(place, count[-1:] - 1)
        self.last = start + ops.where(self.used, width - 1, 0)
        self.width = ops.cast(ops.where(self.used, width, 1), dtype)
        # By place: its segment, and how far into it.
        self.segment = count - 1
        self.offset = ops.cast(place - self.at(start), dtype)
        self.span = self.at(self.width)

    def at(self, by_segment):
        """For each place what its segment has."""
        return ops.take_along_axis(by_segment, self.segment, axis=0)

    def running(self, x):
        """Sums from the start of each segment, so that their rounding is that of the segment."""
        step = 1
        while step < x.shape[0]:
            x = x + ops.where(self.offset >= step, _down(x, step), 0.0)
            step *= 2
        return x

    def totals(self, x):
        """The sum over each segment, its right end left out."""
        sums = ops.take_along_axis(self.running(x), self.last, axis=0)
        return ops.where(self.used, sums, 0.0)

    def fit(self, w):
        """The broken line nearest to `w`, and how much it bends at each knot."""
        share = self.offset / self.span
        aim = self.totals(w * (1.0 - share)) + _down(self.totals(w * share), 1)
        aim = aim + ops.where(self.final, w[-1:], 0.0)
        # Products of tents: sums of squares and of products along a segment.
        own = ops.where(self.used, (self.width + 1) * (2 * self.width + 1) / (6 * self.width), 1.0)
        beside = ops.where(self.used, (self.width - 1) * (self.width + 1) / (6 * self.width), 0.0)
        values = _tridiagonal(own + _down(own - 1.0, 1), beside, aim)
        rise = ops.where(self.used, _up(values, 1) - values, 0.0)
        slope = rise / self.width
        return self.at(values) + self.at(rise) * share, self.at(slope - _down(slope, 1))

    def missing(self, gap, least):
        """Where a knot would bring a best line nearer, given its `gap` to the weights."""
        # The multipliers of straight places: second differences `gap`, zero at the knots.
        inner = ops.where(self.offset > 0, gap, 0.0)
        steps = self.running(inner)
        sums = self.running(steps)
        total = self.at(ops.take_along_axis(sums, self.last, axis=0))
        multiplier = sums - steps - self.offset * (total / self.span)
        height = self.offset * (self.span - self.offset)
        inside = self.offset > 0
        inside = ops.logical_and(inside, self.offset < self.span)
        gain = ops.where(inside, multiplier / ops.where(inside, height, 1.0), 0.0)
        best = ops.min(gain, axis=0, keepdims=True)
        lowest = ops.logical_and(gain <= _down(gain, 1), gain <= _up(gain, 1))
        return ops.logical_and(lowest, gain < at_most(0.1 * best, -least))


def _tridiagonal(diagonal, beside, aim):
    """The solution of symmetric systems, one a column, by parallel cyclic reduction."""
    above, below = beside, _down(beside, 1)
    for step in [2**k for k in range(min(STEPS, math.ceil(math.log2(aim.shape[0]))))]:
        up, down = -below / _down(diagonal, step, 1.0), -above / _up(diagonal, step, 1.0)
        diagonal = diagonal + up * _down(above, step) + down * _up(below, step)
        aim = aim + up * _down(aim, step) + down * _up(aim, step)
        below, above = up * _down(below, step), down * _up(above, step)
    return aim / diagonal


def _line(w):
    """The straight line nearest to each column."""
    length = w.shape[0]
    ramp = np.arange(length)[:, None] - (length - 1) / 2
    ramp = ops.convert_to_tensor(ramp / np.linalg.norm(ramp), dtype=w.dtype)
    # Not `ops.mean`, which rounds float64 to float32 on PyTorch and JAX (Keras 3.15.1).
    mean = ops.sum(w, axis=0, keepdims=True) / length
    return mean + ramp * ops.sum(ramp * w, axis=0, keepdims=True)


def _peak(w):
    return ops.max(ops.abs(w), axis=0, keepdims=True)


def _down(x, step, filled=0.0):
    """Rows moved down; `filled` comes in at the top."""
    return ops.concatenate([ops.full_like(x[:step], filled), x[:-step]], axis=0)


def _up(x, step, filled=0.0):
    """Rows moved up; `filled` comes in at the bottom."""
    return ops.concatenate([x[step:], ops.full_like(x[:step], filled)], axis=0)
