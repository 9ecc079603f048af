"""The smooth map onto a sum within bounds."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from constrainit._folding import Folding
from constrainit._precision import dtype_of, numpy_dtype, wide_dtype
from constrainit.numerics import at_least, axis_sum, between, logits_of_sum, tanh, with_rule
from constrainit.transforms._transform import Transform

_LEAST = 1e-30
_ROUNDING = 1e-15


class Capped(Transform):
    """`low + (high - low) * sigmoid(v / t - s)`, with `s` for each unit such that the sum is right.

    The temperature `t` is `deviation`, as that of shares: a step of Adam then changes the distance
    from the nearer bound by the share by which it changes a free kernel. Where bounds are wide for
    the weights between them, it is larger, so that a step moves the weight as it moves a free one.

    Args:
        set: What both sets have in common.
        sums: The set of weights of one sum, with its `total`.
        onto: The map onto `sums`, which knows how large its initial weights are.
        ends: Gives the bounds, as a dtype stores them, for weights of a shape.

    Source: B. Amos, V. Koltun, J. Z. Kolter, "The limited multi-label projection layer", 2019,
    https://arxiv.org/abs/1906.08707, for bounds 0 and 1 and a sum that is a whole number.
    """

    def __init__(
        self,
        set,
        sums: Any,
        onto: Transform,
        ends: Callable[[tuple[int, ...], str], tuple[float, float]],
    ):
        super().__init__(set)
        self._sums, self._onto, self._ends = sums, onto, ends

    def _parts(self, shape, dtype):
        """The axes of a unit, the weights in it, and the bounds."""
        units = tuple(sorted(a % len(shape) for a in self._sums._units(len(shape))))
        return units, math.prod(shape[a] for a in units), *self._ends(tuple(shape), dtype)

    def _temperature(self, shape, dtype):
        _, count, low, high = self._parts(shape, dtype)
        even = self._sums.total / count
        reach = (even - low) * (high - even) / (high - low)
        return self.deviation(shape) * max(1.0, reach / self._onto.size(shape))

    def _map(self, v, dtype):
        units, count, low, high = self._parts(v.shape, dtype)
        total, width = self._sums.total, high - low
        if count == 1:
            return ops.zeros_like(v) * v + total
        folding = Folding(v.shape, units)
        scale = 1.0 / self._temperature(v.shape, dtype)
        share = (total - count * low) / width
        # Shares of the way from the bound that is nearer to the mean: their sum is the smaller one.
        side, share = (1.0, share) if 2 * share <= count else (-1.0, count - share)
        # Rounding may leave nothing of it.
        share = max(share, _ROUNDING)

        def moves(w):
            """How much a weight moves with its free value, in widths."""
            return ((w - low) * (1 / width)) * ((high - w) * (1 / width))

        def image(v):
            x = logits_of_sum(folding.matrix(v), side * scale, share)
            w = between(_weights(side * x, low, high), low, high)
            # The last steps of Newton are on the weights, whose digits are finer than those of `x`.
            for _ in range(2):
                # From even weights on: a sum of many of one sign would have a larger rounding.
                moved, lack = moves(w), axis_sum(total / count - w, (0,))
                w = w + moved * (lack / at_least(axis_sum(moved, (0,)), _LEAST))
                w = between(w, low, high)
            if total == 0:
                # What is left of bounds in even weights is rounding.
                spent = float(np.finfo(dtype_of(w)).eps) ** 2 * width
                peak = ops.max(ops.abs(w), axis=0, keepdims=True)
                w = ops.where(peak <= spent, ops.zeros_like(w), w)
            return (folding.weight(w),)

        def slope(step, v, w):
            moved = moves(w)
            mean = axis_sum(step * moved, units) / at_least(axis_sum(moved, units), _LEAST)
            return (step - mean) * (moved * (width * scale))

        return with_rule(image, slope, v)

    def _inverse(self, w, dtype):
        units, _, low, high = self._parts(w.shape, dtype)
        width = high - low
        # From both distances: one of them alone is lost to rounding near the other bound.
        least = float(np.finfo(numpy_dtype(wide_dtype(dtype))).eps) / 4
        below = np.maximum((w - low) / width, _LEAST if low == 0 else least)
        above = np.maximum((high - w) / width, _LEAST if high == 0 else least)
        x = np.log(below) - np.log(above)
        # Of what moves most the free value is near zero, which half precision stores best.
        moves = np.square(below * above)
        middle = np.sum(moves * x, axis=units, keepdims=True)
        middle = middle / np.maximum(np.sum(moves, axis=units, keepdims=True), _LEAST**2)
        return self._temperature(w.shape, dtype) * (x - middle)

    def _inside(self, w, dtype):
        _, count, _, _ = self._parts(w.shape, dtype)
        return 0.9 * w + 0.1 * (self._sums.total / count)


def _weights(x, low, high):
    """What lies between two bounds, from where on a weight near zero keeps its digits."""
    if low == -high:
        return high * tanh(0.5 * x)
    if abs(low) <= abs(high):
        return low + (high - low) * ops.sigmoid(x)
    return high - (high - low) * ops.sigmoid(-x)
