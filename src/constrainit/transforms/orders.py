"""Smooth maps onto weights in order, with one peak, and onto weights that bend one way."""

import functools

import ml_dtypes
import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform, with_value

_LEAST = 1e-30


class Increments(Transform):
    """A mean, and steps of `gap + t / sqrt(n) * softplus(u / t)` from each weight to the next.

    The first free value is the mean of the `n` weights, the others are `u`. The temperature `t` is
    `deviation`; a weight moves with many steps at once, so that each of them is made shorter.
    """

    def _map(self, v, dtype):
        sign, axis = self.set._sign, self.set.axis % len(v.shape)
        length, t = v.shape[axis], self.deviation(v.shape)
        limit = _limit(dtype) / 4
        mean, free = ops.split(at_most(at_least(v, -limit), limit), [1], axis=axis)
        if length == 1:
            return mean
        steps = at_most(ops.softplus(free * (1 / t)) * (t / length**0.5), limit / length)
        sums = accumulated(steps + self.set.gap, axis, lambda a, b: a + b)
        sums = ops.concatenate([ops.zeros_like(mean), sums], axis=axis)
        # Not `ops.mean`, which rounds float64 to float32 on PyTorch and JAX (Keras 3.15.1).
        w = mean + sign * (sums - ops.sum(sums, axis=axis, keepdims=True) / length)
        # Sums that are added up in different ways are in order but for rounding.
        highest = accumulated(
            sign * ops.stop_gradient(w), axis, lambda a, b: ops.where(a > b, a, b)
        )
        return with_value(w, sign * highest)

    def _inverse(self, w, dtype):
        sign, axis = self.set._sign, self.set.axis % w.ndim
        t = self.deviation(w.shape)
        steps = sign * np.diff(w, axis=axis) - self.set.gap
        x = np.maximum(steps * (w.shape[axis] ** 0.5 / t), _LEAST)
        free = t * (x + np.log(-np.expm1(-x)))
        return np.concatenate([w.mean(axis=axis, keepdims=True), free], axis=axis)

    def _inside(self, w, dtype):
        sign, axis = self.set._sign, self.set.axis % w.ndim
        steps = np.maximum(sign * np.diff(w, axis=axis) - self.set.gap, 0.0)
        if not steps.size:
            return w
        usual = steps.mean() or self.deviation(w.shape) / w.shape[axis]
        steps = np.maximum(steps, 0.01 * usual) + self.set.gap
        sums = np.concatenate([np.zeros_like(w.take([0], axis)), np.cumsum(steps, axis)], axis)
        mean = w.mean(axis=axis, keepdims=True)
        return mean + sign * (sums - sums.mean(axis=axis, keepdims=True))


class Flanks(Transform):
    """A mean, and steps of `t / sqrt(n) * softplus(u / t)` down from the peak on both sides.

    The free value at the peak is the mean of the `n` weights, the others are `u`, each for the step
    between its weight and the neighbour towards the peak. The temperature `t` is `deviation`.
    """

    def _map(self, v, dtype):
        sign, axis = self.set._sign, self.set.axis % len(v.shape)
        length, t = v.shape[axis], self.deviation(v.shape)
        place, limit = self.set._place(length), _limit(dtype) / 4
        v = at_most(at_least(ops.moveaxis(v, axis, 0), -limit), limit)
        mean = v[place : place + 1]
        steps = at_most(ops.softplus(v * (1 / t)) * (t / length**0.5), limit / length)
        steps = ops.concatenate([steps[:place], ops.zeros_like(mean), steps[place + 1 :]])
        depth = _from(place, steps, lambda a, b: a + b)
        w = mean - sign * (depth - ops.sum(depth, axis=0, keepdims=True) / length)
        # Sums that are added up in different ways are in order but for rounding.
        lowest = _from(place, sign * ops.stop_gradient(w), lambda a, b: ops.where(a < b, a, b))
        return ops.moveaxis(with_value(w, sign * lowest), 0, axis)

    def _steps(self, w):
        """Those down from the peak, zero at the peak itself, along the first axis."""
        axis = self.set.axis % w.ndim
        place = self.set._place(w.shape[axis])
        steps = self.set._sign * np.diff(np.moveaxis(w, axis, 0), axis=0)
        none = np.zeros((1, *steps.shape[1:]))
        return axis, place, np.concatenate([steps[:place], none, -steps[place:]])

    def _inverse(self, w, dtype):
        axis, place, steps = self._steps(w)
        t = self.deviation(w.shape)
        x = np.maximum(steps * (w.shape[axis] ** 0.5 / t), _LEAST)
        free = t * (x + np.log(-np.expm1(-x)))
        free[place] = w.mean(axis=axis)
        return np.moveaxis(free, 0, axis)

    def _inside(self, w, dtype):
        axis, place, steps = self._steps(w)
        usual = steps.mean() or self.deviation(w.shape) / w.shape[axis]
        steps = np.maximum(steps, 0.01 * usual)
        steps[place] = 0.0
        left, right = np.cumsum(steps[place::-1], axis=0)[::-1], np.cumsum(steps[place:], axis=0)
        depth = np.moveaxis(np.concatenate([left[:-1], right]), 0, axis)
        mean = w.mean(axis=axis, keepdims=True)
        return mean - self.set._sign * (depth - depth.mean(axis=axis, keepdims=True))


class Bends(Transform):
    """A mean, a slope, and bends of `t / sqrt(n) * softplus(u / t)`, one at each inner weight.

    The first free value is the mean of the `n` weights, the second their slope, in the size of its
    weights; the others are `u`. Each bend is a line bent there, at right angles to all straight
    lines and of the same size for all. The temperature `t` is `deviation`.
    """

    def _map(self, v, dtype):
        axis = self.set.axis % len(v.shape)
        length, t = v.shape[axis], self.deviation(v.shape)
        # No sum of `n` of them is larger than can be stored.
        limit = _limit(dtype) / (8 * length)
        lines, free = ops.split(ops.moveaxis(v, axis, -1), [min(2, length)], axis=-1)
        coefficients = at_most(at_least(lines, -limit), limit)
        if length > 2:
            free = at_most(free * (1 / t), limit / t)
            bends = at_most(ops.softplus(free) * (self.set._sign * t / length**0.5), limit)
            bends = at_least(bends, -limit)
            coefficients = ops.concatenate([coefficients, bends], axis=-1)
        basis = ops.convert_to_tensor(_lines(length), dtype=v.dtype)
        return ops.moveaxis(coefficients @ basis, -1, axis)

    def _coefficients(self, w):
        """Those of the mean, the slope and the bends, along the last axis."""
        axis = self.set.axis % w.ndim
        rows = np.moveaxis(w, axis, -1)
        return axis, rows @ np.linalg.pinv(_lines(w.shape[axis]))

    def _inverse(self, w, dtype):
        t, length = self.deviation(w.shape), w.shape[self.set.axis]
        axis, sign = self.set.axis % w.ndim, self.set._sign
        # Not of the weights themselves: differences of differences are mostly their rounding.
        w = sign * np.moveaxis(below(np.moveaxis(sign * w, axis, 0)), 0, axis)
        axis, found = self._coefficients(w)
        x = np.maximum(self.set._sign * found[..., 2:] * (length**0.5 / t), _LEAST)
        free = np.concatenate([found[..., :2], t * (x + np.log(-np.expm1(-x)))], axis=-1)
        return np.moveaxis(free, -1, axis)

    def _inside(self, w, dtype):
        t, length = self.deviation(w.shape), w.shape[self.set.axis]
        axis, found = self._coefficients(w)
        least = 0.01 * (np.abs(found[..., 2:]).mean() if length > 2 else 0.0) or 0.01 * t
        found[..., 2:] = self.set._sign * np.maximum(self.set._sign * found[..., 2:], least)
        return np.moveaxis(found @ _lines(length), -1, axis)


@functools.cache
def _lines(length):
    """Rows: the constant, the straight line, and a line bent at each inner weight."""
    place = np.arange(length) - (length - 1) / 2
    rows = [np.ones(length)]
    if length > 1:
        rows.append(place * (length / np.sum(place**2)) ** 0.5)
    straight = np.stack(rows)
    for knot in place[1:-1]:
        bent = np.maximum(place - knot, 0.0)
        bent = bent - (bent @ straight.T) @ straight / length
        rows.append(bent * (length**0.5 / np.linalg.norm(bent)))
    return np.stack(rows)


def below(w):
    """The largest sequences along the first axis that bend upwards and are nowhere above `w`."""
    found, place = np.empty_like(w), np.arange(len(w))
    for index in np.ndindex(*w.shape[1:]):
        column, kept = w[:, *index], []
        for k in place:
            while len(kept) > 1 and _is_above(column, kept[-2], kept[-1], k):
                kept.pop()
            kept.append(k)
        found[:, *index] = np.interp(place, kept, column[kept])
    return found


def _is_above(column, first, middle, last):
    """Whether the middle one of three is not below the line between the others."""
    share = (middle - first) / (last - first)
    return column[middle] >= column[first] + share * (column[last] - column[first])


def accumulated(x, axis, combine):
    """`combine` of all entries up to each one, in as many passes as the length has binary digits.

    `ops.cumsum` and `ops.associative_scan` take float64 down to float32 on PyTorch (Keras 3.15.1).
    """
    x, shift = ops.moveaxis(x, axis, 0), 1
    while shift < x.shape[0]:
        x = ops.concatenate([x[:shift], combine(x[:-shift], x[shift:])])
        shift *= 2
    return ops.moveaxis(x, 0, axis)


def _from(place, x, combine):
    """`combine` of all entries from a place to each one, on both sides of it, along the first."""
    left = ops.flip(accumulated(ops.flip(x[: place + 1], axis=0), 0, combine), axis=0)
    return ops.concatenate([left[:place], accumulated(x[place:], 0, combine)])


def _limit(dtype):
    return min(float(ml_dtypes.finfo(dtype).max), 1e30)
