"""Weights on a grid: integers, ternary and binary weights, fixed point numbers."""

import math
from typing import Any

import ml_dtypes
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._precision import nearest, numpy_dtype, wide_dtype
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_grids
from constrainit.numerics import at_least, at_most
from constrainit.transforms import StraightThrough

_SNAP = 1e-9


class Grid(ConstraintSet):
    """Every weight is a point of an evenly spaced grid.

    The set is `{w : w = lower + k * step, lower <= w <= upper}` for integers `k`; without `lower`
    the points are the multiples of `step`. Integers are `Grid(1)`, ternary weights
    `Grid(1, -1, 1)`, binary ones `Grid(2, -1, 1)`. Not convex. Points are computed as
    `(k + lower / step) * step` in the arithmetic of the dtype and rounded to it; where its numbers
    are further apart than `step`, all of them count. The projection rounds to the nearest point,
    to the even `k` of two, exactly. Only a `step` that float32 can not hold, like 0.1, leaves
    points the rounding of the arithmetic.

    The initializer gives every unit the same weights in another order: as few and small ones as
    have the norm of a Glorot draw, of both signs and, but for one, of sum zero. The norm of coarse
    grids is off, `sqrt(fan_in)` for binary weights; `constrained` with an activation then scales
    the output.

    A weight that is projected after each step stays where it is if the step is shorter than half
    the grid's. To train, see it through the map: `Reparametrized(layer, kernel=Grid(...))`. The map
    is straight through: a free weight, a float, is trained, the layer computes with the projection
    of it, and the gradient passes the rounding as it is. Where the free weight is beyond the lowest
    or the highest point, a gradient that leads farther away is cut, so that it does not run off,
    and one that leads back passes. A built layer's floats are kept as free weights; a member is its
    own; a draw starts anywhere in what is rounded to it. Free weights are stored in the dtype of
    the weight: in half precision steps below its rounding are lost again.

    Args:
        step: The distance of two points.
        lower: The lowest point, or None.
        upper: No point is above it, or None.

    Raises:
        ValueError: `step` is not positive and finite, a bound is not finite, or there are fewer
            than two points between the bounds.

    Source: the straight-through gradient: Y. Bengio, N. Leonard, A. Courville, "Estimating or
    propagating gradients through stochastic neurons for conditional computation", 2013,
    arXiv:1308.3432. Floats beside rounded weights, held between the bounds: M. Courbariaux, Y.
    Bengio, J.-P. David, "BinaryConnect", 2015, arXiv:1511.00363. The cut is that of
    `identity_if_towards` of `lower_bound` and `upper_bound` in TensorFlow Compression.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Grid(1, -1, 1).project([-2.0, -0.7, 0.2, 0.5, 0.6])))
    [-1. -1.  0.  0.  1.]
    """

    convex = False
    maps = "straight through"

    def __init__(self, step: float, lower: float | None = None, upper: float | None = None):
        open_side = "Use None for an open side."
        self.step = _checks.positive("Grid", "step", step)
        self.lower = (
            None if lower is None else _checks.number("Grid", "lower", lower, instead=open_side)
        )
        self.upper = (
            None if upper is None else _checks.number("Grid", "upper", upper, instead=open_side)
        )
        self._phase, self._low, self._high = self._indices()
        if self._low >= self._high:
            raise _checks.fail(
                "Grid", "step", f"leave two points between lower={lower!r} and upper={upper!r}",
                step,
            )  # fmt: skip

    def _indices(self) -> tuple[float, float, float]:
        """The share of a step by which points lie off its multiples; the least and largest `k`."""
        start = 0.0 if self.lower is None else self.lower / self.step
        first = math.floor(start + _SNAP)
        phase = start - first if start - first > _SNAP else 0.0
        low = -math.inf if self.lower is None else first
        high = math.inf
        if self.upper is not None:
            high = first + math.floor(self.upper / self.step - start + _SNAP)
        return phase, low, high

    def _range(self, dtype: str) -> tuple[float, float]:
        """The lowest and the highest point that `dtype` holds."""
        largest, (low, high) = float(ml_dtypes.finfo(dtype).max), (self._low, self._high)
        if self._coarse(dtype) > largest:
            low = max(low, math.ceil(-largest / self.step - self._phase))
            high = min(high, math.floor(largest / self.step - self._phase))
        # In the arithmetic of the projection, so that both agree on the last point.
        wide = numpy_dtype(wide_dtype(dtype)).type
        phase, step = wide(self._phase), wide(nearest(self.step, wide_dtype(dtype)))
        with np.errstate(over="ignore"):
            least, most = (float((wide(k) + phase) * step) for k in (low, high))
        if least > min(most, largest) or most < -largest:
            raise ValueError(f"`{self!r}` holds no {dtype} number. Use a wider dtype.")
        return max(least, -largest), min(most, largest)

    def _nearest(self, w, dtype, where=None):
        step = nearest(self.step, wide_dtype(dtype))

        def point(index):
            return (index + self._phase) * step

        index = ops.round(w / step - self._phase)
        image = point(index)
        # The quotient is rounded: far from zero a neighbour may be nearer.
        for shift in (-1.0, 1.0):
            other = point(index + shift)
            image = ops.where(ops.abs(w - other) < ops.abs(w - image), other, image)
        coarse = ops.abs(w) >= self._coarse(dtype)
        least, most = self._range(dtype)
        image = at_most(at_least(ops.where(coarse, w, image), least), most)
        # Not -0.0, as rounding gives.
        image = ops.where(ops.equal(image, 0), ops.zeros_like(image), image)
        return image if where is None else ops.where(where, image, ops.zeros_like(w))

    def _coarse(self, dtype):
        """From where on numbers of `dtype` are at least a step apart."""
        info, (mantissa, exponent) = ml_dtypes.finfo(dtype), math.frexp(self.step)
        exponent += info.nmant - (mantissa == 0.5)
        return math.ldexp(1.0, exponent) if exponent < info.maxexp else math.inf

    def _holds(self, w, image, dtype):
        # As stored: a point that is no number of the dtype is held by the nearest one.
        held = ops.equal(ops.cast(w, dtype), ops.cast(image, dtype))
        if all(float(np.float32(x)) == x for x in (self.step, self._phase)):
            return held
        # Three steps of 0.1 are 0.3 but for the rounding of the arithmetic.
        rounding = 4 * float(ml_dtypes.finfo(wide_dtype(dtype)).eps)
        return ops.logical_or(held, ops.abs(w - image) <= rounding * ops.abs(image))

    def _usable(self, w):
        usable = ops.logical_not(ops.isnan(w))
        if self.lower is None:
            usable = ops.logical_and(usable, w > -math.inf)
        return usable if self.upper is not None else ops.logical_and(usable, w < math.inf)

    def _units(self, rank):
        return ()

    def _transform(self):
        return StraightThrough(self)

    def straight_through(self, w: Any) -> Any:
        """The projection of `w`, with a gradient as if it were `w` itself: `transform.forward(w)`.

        For a forward pass of your own that computes with weights on the grid while a free weight
        is trained: `kernel = grid.straight_through(self.free_kernel)`.

        Args:
            w: As for `project`.
        """
        return self._transform().forward(w)

    def _law(self, fan_in, fan_out, wanted):
        args = self.step, self._phase, self._low, self._high, fan_in, wanted
        values, symmetric = laws_of_grids.start_values(*args)
        return laws_of_grids.multiset(values, symmetric, wanted)

    def _phrase(self):
        phase = "" if not self._phase else f"{self._phase * self.step:g} plus "
        least = "" if self.lower is None else f", at least {self.lower:g}"
        most = "" if self.upper is None else f", at most {self.upper:g}"
        return f"{phase}multiples of {self.step:g}{least}{most}"
