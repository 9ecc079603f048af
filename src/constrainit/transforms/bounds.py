"""Smooth maps onto sets of bounds: softplus or an exponential for one, a sigmoid for two."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import ml_dtypes
import numpy as np
from keras import ops

from constrainit._precision import inward, numpy_dtype, wide_dtype
from constrainit.numerics import at_least, at_most, exponential, softplus, tanh, with_rule
from constrainit.transforms._transform import Transform

_LEAST = 1e-30
# Whole, so that one less is one less in every dtype.
_STRAIGHT = 7.0


class _Beyond(Transform):
    """A distance from the one bound, above it or below."""

    maskable = True

    def _bound(self, dtype):
        """The bound as stored, and +1 where it is the lower one, -1 where the upper."""
        lower, upper = self.set._bounds()
        return (inward(lower, dtype, 1), 1.0) if upper is None else (inward(upper, dtype, -1), -1.0)

    def _map(self, v, dtype, where=None):
        bound, side = self._bound(dtype)
        distance = self._distance(v, side, dtype)
        return distance + bound if bound else distance

    def _distance(self, v, side, dtype):
        """The distance from the bound, which is negative below it."""
        raise TypeError(f"`{type(self).__name__}` must define `_distance(v, side, dtype)`.")

    def _inside(self, w, dtype):
        bound, side = self._bound(dtype)
        # Zeros outside of a mask may be on the other side.
        distance = np.maximum(side * (w - bound), 0.0)
        least = 0.01 * (distance.mean() if distance.any() else self.size(w.shape))
        return bound + side * np.maximum(distance, least)


class Softplus(_Beyond):
    """`bound + t * softplus(v / t)`, or `bound - t * softplus(-v / t)` for an upper bound.

    The temperature `t` is `deviation`. Near the bound a step of Adam changes the distance from it
    by the share by which it changes a free kernel; far from it the map is the identity.
    """

    def _distance(self, v, side, dtype):
        return softplus(v, self.deviation(v.shape), side)

    def _inverse(self, w, dtype):
        bound, side = self._bound(dtype)
        t = self.deviation(w.shape)
        x = np.maximum(side * (w - bound) / t, _LEAST)
        return side * t * (x + np.log(-np.expm1(-x)))


class Exponential(_Beyond):
    """`bound + s * exp(v / t)`, or `bound - s * exp(-v / t)` for an upper bound.

    The temperature `t` is `deviation`: a step of Adam changes each distance from the bound by the
    share by which it changes a free kernel. The scale `s` is the `size` of an initial weight: half
    precision, which stores a logarithm here, stores it best for those. From 1100 times that
    size on the map goes on straight: the squares that Adam keeps of gradients would overflow.
    """

    def _distance(self, v, side, dtype):
        t, size = self.deviation(v.shape), self.size(v.shape)
        bent = size * math.exp(_STRAIGHT)
        largest = min(float(ml_dtypes.finfo(dtype).max) / 8, 1e30) / bent

        def image(v):
            most = side * t * _STRAIGHT
            found = exponential(at_most(v, most) if side > 0 else at_least(v, most), side / t)
            found *= side * size
            x = v * (side / t)
            x = at_most(at_least(x, _STRAIGHT), _STRAIGHT + largest)
            x -= _STRAIGHT - 1.0
            found *= x
            return (found,)

        def slope(step, v, distance):
            found = at_most(distance, bent) if side > 0 else at_least(distance, -bent)
            found = step * found
            found *= side / t
            return found

        return with_rule(image, slope, v)

    def _inverse(self, w, dtype):
        bound, side = self._bound(dtype)
        x = np.maximum(side * (w - bound), _LEAST) / self.size(w.shape)
        most = math.exp(_STRAIGHT)
        x = np.log(np.minimum(x, most)) + np.maximum(x / most - 1.0, 0.0)
        return side * self.deviation(w.shape) * x


class _Between(Transform):
    """A share of the way from the lower bound to the upper one.

    At the middle a step of Adam moves the weight by the share of its initial size by which it moves
    a free kernel.
    """

    maskable = True

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


class Sigmoid(_Between):
    """`lower + (upper - lower) * sigmoid(v / t)`."""

    def _map(self, v, dtype, where=None):
        low, width = _reach(*self.set._stored_bounds(dtype), dtype)
        scale = 1.0 / self._temperature(v.shape, dtype)
        if keras.backend.backend() == "torch":
            import torch

            return _squashed(v, scale, torch.sigmoid, torch.ops.aten.sigmoid_backward, low, width)
        return low + width * ops.sigmoid(v * scale)


class Tanh(_Between):
    """`middle + (upper - lower) / 2 * tanh(v / (2 t))`.

    The function of `Sigmoid`, computed from the middle: a weight that is small beside the bounds,
    between two of which zero lies halfway, keeps its digits, and one close to a lower bound of zero
    does not.
    """

    def _map(self, v, dtype, where=None):
        middle, half = _halves(*self.set._stored_bounds(dtype), dtype)
        scale = 0.5 / self._temperature(v.shape, dtype)
        if keras.backend.backend() == "torch":
            import torch

            return _squashed(v, scale, torch.tanh, torch.ops.aten.tanh_backward, middle, half)
        moved = half * tanh(v * scale)
        return moved + middle if middle else moved


def _squashed(v, scale, function, backward, middle, half):
    """`middle + half * function(scale * v)` of tensors of PyTorch, in few new ones.

    Elsewhere the rule that a backend finds itself takes no longer.
    """

    def image(v):
        share = function(v * scale)
        w = share * half
        return w.add_(middle) if middle else w, share

    def slope(step, v, w, share):
        found = backward(step, share)
        found *= half * scale
        return found

    return with_rule(image, slope, v)


@functools.cache
def _reach(low, high, dtype):
    """The lower bound and the width, whose sum in the wide dtype steps not over the upper bound."""
    wide = numpy_dtype(wide_dtype(dtype)).type
    width = wide(high - low)
    while wide(low) + width > high:
        width = np.nextafter(width, wide(0))
    return float(low), float(width)


@functools.cache
def _halves(low, high, dtype):
    """The middle and half of the width, whose sum and difference step not over the bounds."""
    wide = numpy_dtype(wide_dtype(dtype)).type
    middle, half = wide((low + high) / 2), wide((high - low) / 2)
    while middle + half > high or middle - half < low:
        half = np.nextafter(half, wide(0))
    return float(middle), float(half)


def maps_of_bounds(a_set) -> dict[str, Callable[[Any], Transform]]:
    """The maps onto a set with one bound or two, by name; the first unless another is chosen."""
    lower, upper = a_set._bounds()
    if lower is None or upper is None or not math.isfinite(upper - lower):
        return {"softplus": Softplus, "exp": Exponential}
    return {"sigmoid": Sigmoid, "tanh": Tanh}
