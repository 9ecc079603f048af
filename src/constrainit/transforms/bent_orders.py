"""The smooth map onto weights that go one way and bend one way, also between bounds."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform, with_value
from constrainit.transforms.orders import accumulated

_LEAST, _LARGEST = 1e-30, 1e30


class BentOrder(Transform):
    """A level, and for each weight but the last a rise: a line from there up to the last weight.

    Weights that go up and bend upwards are a level and rises of at least zero. All others are such
    weights in the opposite order, of the opposite sign, or both; gaps are one more line.

    - Without a bound the level is the mean, a free value. Each rise is `t / sqrt(n) softplus(u/t)`.
    - With one bound the first weight is above it, or the last one below it, by `t softplus(u / t)`.
    - With both, how far the first weight is above the lower one, the rises, and how far the last is
      below the upper one are `n + 1` shares of the room between: the set is a simplex. They are a
      softmax of `u / t` and, for the last share, zero.

    The temperature `t` is `deviation`; with both bounds the one by which a step of Adam moves a
    weight in the middle by the share of its size by which it moves a free kernel.

    Args:
        set: What all sets have in common.
        order: The set of weights in order, with its gap.
        bend: The set of weights that bend, along the same axis.
        within: The map onto the bounds, which knows how large initial weights are; None without.
        stored: Gives the bounds as a dtype stores them, for an axis of a length.
    """

    def __init__(
        self,
        set,
        order: Any,
        bend: Any,
        within: Transform | None,
        stored: Callable[[str, int], tuple[float | None, float | None]],
    ):
        super().__init__(set)
        self._gap, self._axis, self._within, self._stored = order.gap, order.axis, within, stored
        self._turned, self._reversed = bend._sign < 0, order._sign * bend._sign < 0

    def _ends(self, dtype, length):
        """The bounds of weights that go up and bend upwards, and the room for rises between."""
        low, high = self._stored(dtype, length)
        if self._turned:
            low, high = None if high is None else -high, None if low is None else -low
        if low is None or high is None:
            return low, high, None
        return low, high, high - low - self._gap * (length - 1)

    def _temperature(self, shape, room):
        if room is None or self._within is None:
            return self.deviation(shape)
        return room / 4 * self.deviation(shape) / self._within.size(shape)

    def _gaps(self, shape):
        """What the gaps add to each weight, along the first axis."""
        return self._gap * np.arange(shape[0]).reshape(-1, *(1 for _ in shape[1:]))

    # From a free value

    def _map(self, v, dtype):
        axis = self._axis % len(v.shape)
        length, shape = v.shape[axis], tuple(v.shape)
        low, high, room = self._ends(dtype, length)
        t, v = self._temperature(shape, room), ops.moveaxis(v, axis, 0)
        if room is None:
            limit = min(float(ml_dtypes.finfo(dtype).max), _LARGEST) / 8
            v = at_most(at_least(v, -limit), limit)
            level = v[:1] if low is None and high is None else ops.softplus(v[:1] * (1 / t)) * t
            rises = ops.softplus(v[1:] * (1 / t)) * (t / length**0.5)
            rises = at_most(rises, limit / length)
        else:
            logs = at_most(at_least(v * (1 / t), -_LARGEST), _LARGEST)
            shares = _softmax(ops.concatenate([logs, ops.zeros_like(logs[:1])])) * room
            level, rises = shares[:1], shares[1:-1]
        climb = _climb(rises, length, ops.zeros_like(level))
        climb += ops.convert_to_tensor(self._gaps(climb.shape), dtype=v.dtype)
        if low is not None:
            w = low + level + climb
        elif high is not None:
            w = high - level - (climb[-1:] - climb)
        else:
            # Not `ops.mean`, which rounds float64 to float32 on PyTorch and JAX (Keras 3.15.1).
            w = level + climb - ops.sum(climb, axis=0, keepdims=True) / length
        return ops.moveaxis(self._faced(_exactly(w, low, high)), 0, axis)

    def _faced(self, w, flip=ops.flip):
        """Weights that go up and bend upwards, along the first axis, as those of the set; back."""
        w = flip(w, axis=0) if self._reversed else w
        return -w if self._turned else w

    # From a member

    def _parts(self, w, dtype):
        """The level, the rises, and the share above; a temperature; and the room, if any."""
        axis = self._axis % w.ndim
        low, high, room = self._ends(dtype, w.shape[axis])
        rising = self._faced(np.moveaxis(w, axis, 0), np.flip)
        rising = rising - self._gaps(rising.shape)
        length = len(rising)
        # Not of the weights themselves: differences of differences are mostly their rounding.
        slopes = np.maximum(np.diff(_below(rising), axis=0), 0.0)
        bends = np.concatenate([slopes[:1], np.diff(slopes, axis=0)])
        rises = np.maximum(bends * _reach(length, w.ndim), 0.0)
        if low is not None:
            level = np.maximum(rising[:1] - low, 0.0)
        elif high is not None:
            level = np.maximum(high - self._gap * (length - 1) - rising[-1:], 0.0)
        else:
            level = w.mean(axis=axis)[None] * (-1.0 if self._turned else 1.0)
        return level, rises, self._temperature(w.shape, room), room, low is high

    def _inverse(self, w, dtype):
        return self._free(*self._parts(w, dtype), w, dtype)

    def start(self, w):
        """As of every map, of what has rises everywhere and is not at a bound."""

        def found(w, dtype):
            level, rises, t, room, unbounded = self._parts(w, dtype)
            even = (t if room is None else room) / (len(rises) + 2)
            usual = min((rises.mean() if rises.size else 0.0) or even, even)
            if room is not None:
                above = room - level - rises.sum(axis=0, keepdims=True)
                level, above = (np.maximum(part, 0.1 * even) for part in (level, above))
                rises = np.maximum(rises, 0.1 * usual)
                share = room / (level + rises.sum(axis=0, keepdims=True) + above)
                level, rises = level * share, rises * share
            else:
                rises = np.maximum(rises, 0.01 * usual)
                if not unbounded:
                    level = np.maximum(level, 0.01 * (level.mean() or t))
            return self._free(level, rises, t, room, unbounded, w, dtype)

        return self._of(w, found)

    def _free(self, level, rises, t, room, unbounded, w, dtype):
        if room is None:
            first = level if unbounded else _unsoftened(level / t) * t
            v = np.concatenate([first, _unsoftened(rises * ((len(rises) + 1) ** 0.5 / t)) * t])
        else:
            least = float(ml_dtypes.finfo(dtype).eps) / 8
            above = 1.0 - (level + rises.sum(axis=0, keepdims=True)) / room
            shares = np.concatenate([level, rises]) / room
            v = t * (np.log(np.maximum(shares, _LEAST)) - np.log(np.maximum(above, least)))
        return np.moveaxis(v, 0, self._axis % w.ndim)


def _climb(rises, length, zero):
    """The sum of lines that rise from each weight but the last by so much up to the last."""
    if length == 1:
        return zero
    reach = ops.convert_to_tensor(1.0 / _reach(length, len(rises.shape)), dtype=rises.dtype)
    slopes = accumulated(rises * reach, 0, lambda a, b: a + b)
    return ops.concatenate([zero, accumulated(slopes, 0, lambda a, b: a + b)])


def _reach(length, rank):
    """How many steps each weight but the last is from the last."""
    return np.arange(length - 1.0, 0.0, -1.0).reshape(-1, *(1 for _ in range(rank - 1)))


def _below(w):
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


def _exactly(w, low, high):
    """In order and in bounds, which sums that are added up in different ways are but for rounding.

    The gradient is that of the sums.
    """
    value = accumulated(ops.stop_gradient(w), 0, lambda a, b: ops.where(a > b, a, b))
    value = value if low is None else at_least(value, low)
    return with_value(w, value if high is None else at_most(value, high))


def _softmax(logs):
    """Shares along the first axis."""
    shares = ops.exp(logs - ops.stop_gradient(ops.max(logs, axis=0, keepdims=True)))
    return shares / ops.sum(shares, axis=0, keepdims=True)


def _unsoftened(x):
    """What softplus makes `x` of."""
    x = np.maximum(x, _LEAST)
    return x + np.log(-np.expm1(-x))
