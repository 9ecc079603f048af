"""Smooth maps onto spheres, balls and what lies between two spheres."""

import numpy as np
from keras import ops

from constrainit._compile import choose
from constrainit._precision import numpy_dtype, wide_dtype
from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform, with_value

# Squares of numbers up to the first do not overflow, the sum of a billion of them neither; below
# the second they are lost, and a unit has no direction.
_MOST, _LEAST = 1e14, 1e-14
_LARGEST_RATIO = 1e4
_STEEP = 1e-2


class Direction(Transform):
    """`v / ||v||` times a norm: the only one there is, or one that grows smoothly with `||v||`.

    Between norms `lower` and `upper` it is `lower + (upper - lower) x^4 / (1 + x^4)` with
    `x = ||v|| / middle`. A unit of zeros has no direction and stands for equal weights.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        units = self.set._units(len(v.shape))
        v = at_most(at_least(v, -_MOST), _MOST)
        square = _total(ops.square(v), units)
        some = square > _LEAST**2
        size = ops.sqrt(ops.where(some, square, ops.ones_like(square)))
        lower, upper = self.set._range()
        if upper > lower:
            fourth = (at_most(size * (2 / (lower + upper)), _LARGEST_RATIO)) ** 4
            target = lower + (upper - lower) * (fourth / (1.0 + fourth))
        else:
            target = lower

        def usual():
            image = v * (target / size)
            # The slope is one over the norm: float16 could not hold it.
            return (
                image
                if dtype != "float16"
                else with_value(v * (target / at_least(size, _STEEP)), image)
            )

        def with_zeros():
            kept = ops.ones_like(v) if where is None else ops.cast(where, v.dtype)
            even = kept * (lower / ops.sqrt(at_least(_total(kept, units), 1.0)))
            return ops.where(some, usual(), even)

        return choose(some, usual, with_zeros)

    def _inverse(self, w, dtype):
        lower, upper = self.set._range()
        units = self.set._units(w.ndim)
        norm = np.sqrt(np.sum(w**2, axis=units, keepdims=True))
        if lower == upper:
            return w
        least = float(np.finfo(numpy_dtype(wide_dtype(dtype))).eps) / 4
        share = np.clip((norm - lower) / (upper - lower), least, 1 - least)
        ratio = (share / (1 - share)) ** 0.25
        return w * (ratio * (lower + upper) / 2 / np.where(norm > 0, norm, 1.0))

    def _inside(self, w, dtype):
        lower, upper = self.set._range()
        units = self.set._units(w.ndim)
        norm = np.sqrt(np.sum(w**2, axis=units, keepdims=True))
        gap = 0.05 * (upper - lower)
        target = np.clip(norm, lower + gap, upper - gap)
        return w * np.where(norm > 0, target / np.where(norm > 0, norm, 1.0), 1.0)


class Ball(Transform):
    """`v / sqrt(1 + ||v||^2 / radius^2)`: the identity near zero, inside of the ball far out."""

    maskable = True

    def _map(self, v, dtype, where=None):
        radius = self.set._range()[1]
        # In units of the radius, so that its own square can not be lost.
        x = at_most(at_least(v * (1 / radius), -_MOST), _MOST)
        return x * (radius / ops.sqrt(1.0 + _total(ops.square(x), self.set._units(len(v.shape)))))

    def _inverse(self, w, dtype):
        x = w / self.set._range()[1]
        square = np.sum(x**2, axis=self.set._units(w.ndim), keepdims=True)
        least = float(np.finfo(numpy_dtype(wide_dtype(dtype))).eps) / 4
        return w / np.sqrt(np.maximum(1 - square, least))

    def _inside(self, w, dtype):
        norm = np.sqrt(np.sum(w**2, axis=self.set._units(w.ndim), keepdims=True))
        most = 0.95 * self.set._range()[1]
        return w * np.minimum(1.0, most / np.where(norm > 0, norm, 1.0))


def of_norms(a_set) -> Transform:
    """The map for a set of norms."""
    return (Direction if a_set._range()[0] > 0 else Ball)(a_set)


def _total(x, units):
    return ops.sum(x, axis=units, keepdims=True) if units else x
