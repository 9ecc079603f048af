"""Smooth maps onto sets of bounds: softplus for one bound, sigmoid for two."""

import functools
import math

import numpy as np
from keras import ops

from constrainit._precision import inward, numpy_dtype, wide_dtype
from constrainit.numerics import softplus
from constrainit.transforms._transform import Transform

_LEAST = 1e-30


class Softplus(Transform):
    """`bound + t * softplus(v / t)`, or `bound - t * softplus(-v / t)` for an upper bound.

    The temperature `t` is `deviation`. Near the bound a step of Adam changes the distance from it
    by the share by which it changes a free kernel; far from it the map is the identity.
    """

    maskable = True

    def _bound(self, dtype):
        """The bound as stored, and +1 where it is the lower one, -1 where the upper."""
        lower, upper = self.set._bounds()
        return (inward(lower, dtype, 1), 1.0) if upper is None else (inward(upper, dtype, -1), -1.0)

    def _map(self, v, dtype, where=None):
        bound, side = self._bound(dtype)
        distance = softplus(v, self.deviation(v.shape), side)
        return distance + bound if bound else distance

    def _inverse(self, w, dtype):
        bound, side = self._bound(dtype)
        t = self.deviation(w.shape)
        x = np.maximum(side * (w - bound) / t, _LEAST)
        return side * t * (x + np.log(-np.expm1(-x)))

    def _inside(self, w, dtype):
        bound, side = self._bound(dtype)
        # Zeros outside of a mask may be on the other side.
        distance = np.maximum(side * (w - bound), 0.0)
        least = 0.01 * (distance.mean() if distance.any() else self.size(w.shape))
        return bound + side * np.maximum(distance, least)


class Sigmoid(Transform):
    """`lower + (upper - lower) * sigmoid(v / t)`.

    At the middle a step of Adam moves the weight by the share of its initial size by which it moves
    a free kernel.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        low, width = _reach(*self.set._stored_bounds(dtype), dtype)
        return low + width * ops.sigmoid(v * (1.0 / self._temperature(v.shape, dtype)))

    def _temperature(self, shape, dtype):
        low, high = self.set._stored_bounds(dtype)
        return (high - low) / 4 * self.deviation(shape) / self.size(shape)

    def _inverse(self, w, dtype):
        low, high = self.set._stored_bounds(dtype)
        # From both distances: one of them alone is lost to rounding near the other bound.
        least = float(np.finfo(numpy_dtype(wide_dtype(dtype))).eps) / 4 * (high - low)
        below, above = np.maximum(w - low, least), np.maximum(high - w, least)
        return self._temperature(w.shape, dtype) * (np.log(below) - np.log(above))

    def _inside(self, w, dtype):
        low, high = self.set._stored_bounds(dtype)
        return np.clip(w, low + 0.05 * (high - low), high - 0.05 * (high - low))


@functools.cache
def _reach(low, high, dtype):
    """The lower bound and the width, whose sum in the wide dtype steps not over the upper bound."""
    wide = numpy_dtype(wide_dtype(dtype)).type
    width = wide(high - low)
    while wide(low) + width > high:
        width = np.nextafter(width, wide(0))
    return float(low), float(width)


def of_bounds(a_set) -> Transform:
    """The map for a set with one bound or two."""
    lower, upper = a_set._bounds()
    one = lower is None or upper is None or not math.isfinite(upper - lower)
    return (Softplus if one else Sigmoid)(a_set)
