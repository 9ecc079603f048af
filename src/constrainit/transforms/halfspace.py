"""The smooth map onto a halfspace."""

import math

import ml_dtypes
import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform

# Less slack, in temperatures, is no slack: its free value would be far off, and stored badly.
_LEAST = 1e-8


class Slack(Transform):
    """The slack `z` of each unit becomes `t * softplus(z / t)`; at right angles nothing moves.

    The slack is the distance from the boundary along the normal, negative outside. The temperature
    `t` is `deviation`: far inside the map is the identity.
    """

    def _plane(self, shape):
        """The normal of length one, broadcasting to the weight, the bound for it, and the axes."""
        units = tuple(sorted(a % len(shape) for a in self.set._units(len(shape))))
        normal, bound = self.set._scaled(math.prod(shape[a] for a in units))
        size = float(np.linalg.norm(normal))
        along = [shape[a] if a in units else 1 for a in range(len(shape))]
        return np.reshape(normal / size, along), bound / size, units

    def _map(self, v, dtype):
        normal, bound, units = self._plane(v.shape)
        t, normal = self.deviation(v.shape), ops.convert_to_tensor(normal, dtype=v.dtype)
        limit = min(float(ml_dtypes.finfo(dtype).max), 1e30) / (8 * math.prod(normal.shape))
        v = at_most(at_least(v, -limit), limit)
        slack = (bound - _total(normal * v, units)) * (1 / t)
        # `softplus(z) - z`, which is `softplus(-z)`.
        w = v - normal * (ops.softplus(-slack) * t)
        # Far outside the step leaves a rounding of `v` along the normal, which has no slope.
        level = ops.stop_gradient(bound - ops.softplus(slack) * t)
        off, wrong = ops.stop_gradient(w), slack < 0
        for _ in range(3):
            off = off - normal * (_total(normal * off, units) - level)
        rest = off - normal * level
        spent = _peak(rest, units) <= float(ml_dtypes.finfo(dtype).eps) ** 2 * _peak(v, units)
        off = ops.where(spent, ops.zeros_like(w) + normal * level, off)
        # The value is that of the first, the slope that of `w`.
        return ops.stop_gradient(ops.where(wrong, off, w)) + (w - ops.stop_gradient(w))

    def _inverse(self, w, dtype):
        normal, bound, units = self._plane(w.shape)
        t = self.deviation(w.shape)
        slack = np.maximum((bound - np.sum(normal * w, axis=units, keepdims=True)) / t, _LEAST)
        # The slack in `v` less that in `w`.
        return w - normal * (t * np.log(-np.expm1(-slack)))

    def _inside(self, w, dtype):
        normal, bound, units = self._plane(w.shape)
        slack = bound - np.sum(normal * w, axis=units, keepdims=True)
        return w - normal * np.maximum(0.5 * self.deviation(w.shape) - slack, 0.0)


def _total(x, units):
    return ops.sum(x, axis=units, keepdims=True) if units else x


def _peak(x, units):
    return ops.max(ops.abs(x), axis=units, keepdims=True) if units else ops.abs(x)
