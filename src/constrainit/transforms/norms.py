"""Smooth maps onto spheres, balls and what lies between two spheres."""

import math

import ml_dtypes
import numpy as np
from keras import ops

from constrainit._compile import choose
from constrainit._precision import numpy_dtype, wide_dtype
from constrainit.numerics import at_least, at_most, may_write_over, with_rule
from constrainit.transforms._transform import Transform, with_value

# Squares of numbers up to the first do not overflow, the sum of a billion of them neither; below
# the second they are lost, and a unit has no direction.
_MOST, _LEAST = 1e14, 1e-14
# The square of a sum of a million of them does not overflow.
_MOST_OF_SUMS = 1e12
# A free value this many times its member is at the bound, as far as float64 tells.
_MOST_AT_BOUND = 1e6
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
        least = _STEEP if dtype == "float16" else 0.0
        lower, upper = self.set._range()

        def factors(square):
            size = ops.sqrt(square)
            # The slope is one over the norm: float16 could not hold it.
            slow = at_least(size, least)
            if upper == lower:
                return lower / size, lower / slow, -1 / (lower * slow)
            x = at_most(size * (2 / (lower + upper)), _LARGEST_RATIO)
            fourth = x**4
            target = lower + (upper - lower) * (fourth / (1.0 + fourth))
            rise = (upper - lower) * 4.0 * fourth / (1.0 + fourth) ** 2
            return target / size, target / slow, (rise - target) / (slow * target**2)

        def even():
            kept = ops.ones_like(v) if where is None else ops.cast(where, v.dtype)
            return kept * (lower / ops.sqrt(at_least(_total(kept, units), 1.0)))

        return _radial(v, units, factors, even)

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
        radius, units = self.set._range()[1], self.set._units(len(v.shape))
        # In units of the radius where its own square could be lost.
        unit = 1.0 if 1e-4 < radius < 1e4 else radius
        curvature = (unit / radius) ** 2

        def factors(square):
            factor = 1.0 / ops.sqrt(1.0 + square * curvature)
            return factor, factor, factor * -curvature

        return (
            _radial(v, units, factors)
            if unit == 1.0
            else _radial(v * (1 / unit), units, factors) * unit
        )

    def _inverse(self, w, dtype):
        x = w / self.set._range()[1]
        square = np.sum(x**2, axis=self.set._units(w.ndim), keepdims=True)
        least = float(np.finfo(numpy_dtype(wide_dtype(dtype))).eps) / 4
        return w * np.minimum(1 / np.sqrt(np.maximum(1 - square, least)), _room(w, dtype))

    def _inside(self, w, dtype):
        norm = np.sqrt(np.sum(w**2, axis=self.set._units(w.ndim), keepdims=True))
        most = 0.95 * self.set._range()[1]
        return w * np.minimum(1.0, most / np.where(norm > 0, norm, 1.0))


class Diamond(Transform):
    """`v / sqrt(1 + s^2)` with `s` the sum of magnitudes over the radius: the ball of sums.

    A magnitude is `sqrt(v^2 + d^2)` with a hundredth of `deviation` as `d`: above the true one and
    smooth at zero, where most weights of such a ball are.
    """

    def _groups(self, rank):
        """The axes of what has one magnitude: each weight has its own."""
        return ()

    def _rounding(self, shape):
        count = math.prod(shape[a] for a in self._groups(len(shape)))
        return 0.01 * self.deviation(shape) * count**0.5 / self.set.radius

    def _map(self, v, dtype):
        radius, d, rank = self.set.radius, self._rounding(v.shape), len(v.shape)
        x = at_most(at_least(v * (1 / radius), -_MOST_OF_SUMS), _MOST_OF_SUMS)
        square = _total(ops.square(x), self._groups(rank))
        total = _total(ops.sqrt(square + d**2), self.set._units(rank))
        return x * (radius / ops.sqrt(1.0 + ops.square(total)))

    def _inverse(self, w, dtype):
        x, units = w / self.set.radius, self.set._units(w.ndim)
        square = np.sum(x**2, axis=self._groups(w.ndim), keepdims=True)
        d = self._rounding(w.shape)
        low = np.zeros([1 if a in units else n for a, n in enumerate(w.shape)])
        high = low + np.log(min(_MOST_AT_BOUND, _room(w, dtype)))
        # The factor `c` with `c^2 = 1 + s(c x)^2`, by halving its logarithm; at the bound the most.
        for _ in range(60):
            middle = (low + high) / 2
            factor = np.exp(middle)
            total = np.sum(np.sqrt(factor**2 * square + d**2), axis=units, keepdims=True)
            beyond = factor**2 >= 1 + total**2
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return w * np.exp(high)

    def _inside(self, w, dtype):
        size = np.sqrt(np.sum(w**2, axis=self._groups(w.ndim), keepdims=True))
        total = np.sum(size, axis=self.set._units(w.ndim), keepdims=True)
        return w * np.minimum(1.0, 0.95 * self.set.radius / np.where(total > 0, total, 1.0))


class DiamondOfNorms(Diamond):
    """As `Diamond`, with the norm of each group as a magnitude, and `d` as the norm of as many."""

    def _groups(self, rank):
        return tuple(a % rank for a in self.set._groups(rank))


class Normalized(Transform):
    """`v` times the radius over its sum of magnitudes: a sphere of sums.

    A unit of zeros has no direction and stands for equal weights.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        units = self.set._units(len(v.shape))
        kept = ops.ones_like(v) if where is None else ops.cast(where, v.dtype)
        x = ops.abs(v) * kept
        peak = ops.max(x, axis=units, keepdims=True) if units else x
        # Neither the sum of a million nor its slope is beyond what the dtype holds.
        some = peak > _LEAST
        peak = ops.stop_gradient(ops.where(some, peak, ops.ones_like(peak)))
        x = v * kept / peak
        if dtype == "float16":
            # The slope is one over the magnitudes: float16 could not hold it.
            x = with_value(v * kept / at_least(peak, _STEEP), x)
        x = ops.where(some, x, kept)
        return x * (self.set.radius / _total(ops.abs(x), units))

    def _inverse(self, w, dtype):
        return w

    def _inside(self, w, dtype):
        return w


def _room(w, dtype):
    """How many times the weights can be stored."""
    most = min(float(ml_dtypes.finfo(dtype).max), 1e30)
    return 0.25 * most / (np.abs(w).max() or 1.0)


def _radial(v, units, factors, even=None):
    """`a v` for each unit, with `a` from its squared norm.

    Args:
        v: The free value.
        units: The axes of a unit.
        factors: Gives `a`, `a` for the slope, and `c` with `a dv + c w w'dv` the differential, of
            squared norms.
        even: Gives the weights of units without a direction; None where zero is a member.
    """

    def image(v):
        squares = ops.square(v)
        square = _total(squares, units)
        fits = square < _MOST**2
        if even is not None:
            fits = ops.logical_and(fits, square > _LEAST**2)

        def usual():
            factor, slow, bend = factors(square)
            if may_write_over():
                import torch

                return torch.mul(v, factor, out=squares), slow, bend
            return v * factor, slow, bend

        def with_zeros_or_huge():
            x = at_most(at_least(v, -_MOST), _MOST)
            square = _total(ops.square(x), units)
            if even is None:
                factor, slow, bend = factors(square)
                return x * factor, slow, bend
            some = square > _LEAST**2
            found = factors(ops.where(some, square, ops.ones_like(square)))
            factor, slow, bend = (ops.where(some, one, ops.zeros_like(one)) for one in found)
            return ops.where(some, x * factor, even()), slow, bend

        return choose(fits, usual, with_zeros_or_huge)

    def slope(step, v, w, slow, bend):
        product = step * w
        back = _total(product, units) * bend
        if may_write_over():
            import torch

            return torch.mul(w, back, out=product).addcmul_(step, slow)
        return step * slow + w * back

    return with_rule(image, slope, v)


def of_norms(a_set) -> Transform:
    """The map for a set of norms."""
    return (Direction if a_set._range()[0] > 0 else Ball)(a_set)


def _total(x, units):
    return ops.sum(x, axis=units, keepdims=True) if units else x
