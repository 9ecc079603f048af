"""Sets of norms: each unit's incoming weights as one vector."""

import math
from typing import Any

from keras import ops

from constrainit import _checks
from constrainit._compile import mended
from constrainit._precision import (
    as_dtype,
    dtype_of,
    smallest_normal,
    tolerance,
    wide_dtype,
    widened,
)
from constrainit._set import ConstraintSet
from constrainit.initializers import laws
from constrainit.numerics import (
    at_least,
    at_most,
    between,
    computed_once,
    factor_into,
    in_double,
    plain_norm,
    polar,
    scale_in_double,
)
from constrainit.transforms import of_norms


class _Norms(ConstraintSet):
    """`{w : lower <= ||w|| <= upper}` for each unit, Euclidean norm."""

    axis: int | list[int] | None

    def _range(self) -> tuple[float, float]:
        raise TypeError(f"`{type(self).__name__}` must define `_range()`.")

    def _nearest(self, w, dtype, where=None):
        units = self._units(len(w.shape))
        direction, norm = polar(w, units)
        lower, upper = self._targets(dtype)
        if lower > 0:
            direction = ops.where(norm > 0, direction, _even(w, units, where))
        target = at_least(at_most(norm, upper), lower)
        inside = ops.logical_and(norm >= self._range()[0], norm <= self._range()[1])
        return ops.where(inside, w, direction * target)

    def _holds(self, w, image, dtype):
        norm = polar(w, self._units(len(w.shape)))[1]
        low, high = self._margins(dtype)
        return ops.logical_and(norm >= low, norm <= high)

    def _image(self, w):
        if in_double(w):
            return self._image_into(w.clone())
        return self._scaled(w, lambda wide, factor: wide * factor)

    def _image_into(self, w):
        if in_double(w):
            return scale_in_double(w, self._units(len(w.shape)), *self._ends(dtype_of(w)))
        # A half precision is widened by a copy, which may be overwritten as well.
        return self._scaled(w, lambda wide, factor: wide.mul_(factor))

    def _scaled(self, w, multiply):
        """The image, where units are of a usual size by `multiply(w, factor of each unit)`."""
        dtype = dtype_of(w)
        wide = widened(w)
        norm = plain_norm(wide, self._units(len(w.shape)))
        # Between these norms no square that matters over- or underflows.
        root = smallest_normal(wide_dtype(dtype)) ** 0.5
        least, most = 1e9 * root, 1e-3 / root
        size = between(norm, least, most)
        (low, high), (below, above) = self._ends(dtype)
        tame = norm <= most if low is None and least < high else norm == size
        factor = ops.where(tame, factor_into(size, low, high, below, above), 1.0)
        # Else JAX's compiler divides and compares anew for each entry of a unit.
        image = as_dtype(multiply(wide, computed_once(factor)), dtype)
        # A unit must not depend on its neighbours, not even in its last digit.
        return mended(tame, image, lambda w: ops.where(tame, w, super(_Norms, self)._image(w)))

    def _ends(self, dtype):
        """`_margins` and `_targets`, with None for a bound that no norm is below."""
        (low, high), (below, above) = self._margins(dtype), self._targets(dtype)
        return ((None, high), (None, above)) if low < 0 else ((low, high), (below, above))

    def _margins(self, dtype):
        """The norms between which a unit counts as inside."""
        (lower, upper), margin = self._range(), tolerance(dtype)
        tiny = smallest_normal(dtype)
        return lower * (1 - margin) - tiny, upper * (1 + margin) + tiny

    def _targets(self, dtype):
        """The norms that outside units go to, drawn in so that rounding can not leave the set."""
        lower, upper = self._range()
        margin = tolerance(dtype)
        drawn = lower * (1 + margin), upper * (1 - margin)
        return drawn if drawn[0] <= drawn[1] else ((lower + upper) / 2,) * 2

    def _transform(self):
        return of_norms(self)

    def _law(self, fan_in, fan_out, wanted):
        lower, upper = self._range()
        most = math.inf if lower == upper else upper
        norm = min(max(wanted.gain, lower), upper)
        return laws.direction(fan_in, fan_out, norm, wanted, most=most)


class MaxNorm(_Norms):
    """No unit's incoming weights have a norm above the radius.

    The set is `{w : ||w||_2 <= radius}` for each unit. A unit outside is scaled back to the radius
    (drawn in by the tolerance of the dtype, so that it is inside after rounding too); a unit
    inside comes back as it was, where `keras.constraints.MaxNorm` shrinks it a little at each step.
    With a radius a little below one it is the Poincare ball of hyperbolic embeddings.

    The initializer draws uniform directions with the norm of a Glorot draw, cut at the radius.

    Args:
        radius: The largest allowed norm.
        axis: The axes that feed one unit. None: found from the layer that owns the weight; for a
            bare array all axes but the last, `(inputs, units)`.

    Raises:
        ValueError: `radius` is not positive and finite, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.MaxNorm(1.0).project([3.0, 4.0])).round(4))
    [0.6 0.8]
    """

    def __init__(self, radius: float, axis: int | list[int] | None = None):
        self.radius = _checks.positive("MaxNorm", "radius", radius)
        self.axis = _checks.axes("MaxNorm", axis)

    def _range(self):
        return 0.0, self.radius

    def _phrase(self):
        return f"each unit's norm at most {self.radius:g}"


class UnitNorm(_Norms):
    """Every unit's incoming weights have norm one.

    The set is the sphere `{w : ||w||_2 = 1}` for each unit; not convex. The zero vector, to which
    every direction is equally near, goes to the vector of equal entries `1 / sqrt(n)`.

    The initializer draws uniformly on the sphere; the variance is `1 / fan_in`, fixed by the set.

    Args:
        axis: As for `MaxNorm`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.UnitNorm().project([0.0, 0.0, 0.0, 0.0])).round(4))
    [0.5 0.5 0.5 0.5]
    """

    convex = False

    def __init__(self, axis: int | list[int] | None = None):
        self.axis = _checks.axes("UnitNorm", axis)

    def _range(self):
        return 1.0, 1.0

    def _phrase(self):
        return "each unit's norm exactly 1"


class NormRange(_Norms):
    """Every unit's incoming weights have a norm between two bounds.

    The set is `{w : lower <= ||w||_2 <= upper}` for each unit; not convex unless `lower` is 0. The
    zero vector goes to the vector of equal entries with norm `lower`.

    The initializer draws uniform directions with the norm of a Glorot draw, taken into the range.

    Args:
        lower: The least allowed norm, at least 0.
        upper: The largest allowed norm.
        axis: As for `MaxNorm`.

    Raises:
        ValueError: `lower` is negative, or `upper` is not positive or below `lower`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.NormRange(1.0, 2.0).project([0.3, 0.4])).round(4))
    [0.6 0.8]
    """

    def __init__(self, lower: float, upper: float, axis: int | list[int] | None = None):
        self.lower = _checks.number("NormRange", "lower", lower)
        self.upper = _checks.positive("NormRange", "upper", upper)
        if not 0 <= self.lower <= self.upper:
            raise _checks.fail("NormRange", "lower", f"lie in [0, upper={upper!r}]", lower)
        self.axis = _checks.axes("NormRange", axis)

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only a ball is convex."""
        return self.lower == 0

    def _range(self):
        return self.lower, self.upper

    def _phrase(self):
        return f"each unit's norm in [{self.lower:g}, {self.upper:g}]"


def _even(w, units, where):
    """The vector of equal entries and norm one, over the entries in `where`."""
    kept = ops.ones_like(w) if where is None else ops.cast(where, w.dtype)
    count = ops.sum(kept, axis=units, keepdims=True) if units else kept
    return kept / ops.sqrt(at_least(count, 1.0))


def is_norm_set(constraint: Any) -> bool:
    """Whether the set speaks of norms only."""
    return isinstance(constraint, _Norms)
