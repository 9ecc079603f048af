"""Sets of bounds: each weight on its own."""

import math
from typing import Any

from keras import ops

from constrainit import _checks
from constrainit._precision import dtype_of, inward, nearest
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_bounds
from constrainit.numerics import at_least, at_most, between
from constrainit.transforms import maps_of_bounds


class _Bounds(ConstraintSet):
    """`{w : lower <= w <= upper}` entry by entry, either bound may be None.

    Weights outside go to the bound, as the storage dtype holds it without stepping over it
    (0.1 is 0.1001 in bfloat16, never 0.0999). A weight at the bound as the dtype rounds it
    violates nothing; projected, it goes there too. Exact; one pass over the weights.
    """

    def _bounds(self) -> tuple[float | None, float | None]:
        raise TypeError(f"`{type(self).__name__}` must define `_bounds()`.")

    def _nearest(self, w, dtype, where=None):
        low, high = self._stored_bounds(dtype)
        w = w if low is None else at_least(w, low)
        w = w if high is None else at_most(w, high)
        return w if where is None else ops.where(where, w, ops.zeros_like(w))

    def _stored_bounds(self, dtype):
        lower, upper = self._bounds()
        low = None if lower is None else inward(lower, dtype, +1)
        high = None if upper is None else inward(upper, dtype, -1)
        empty = low is not None and high is not None and low > high
        if empty or math.inf in (low, -(high or 0.0)):
            raise ValueError(f"`{self!r}` holds no {dtype} number. Widen it or use a wider dtype.")
        return low, high

    def _holds(self, w, image, dtype):
        return ops.equal(w, image)

    def _image(self, w):
        return between(w, *self._stored_bounds(dtype_of(w)))

    def _image_into(self, w):
        return between(w, *self._stored_bounds(dtype_of(w)), out=w)

    def _outside(self, w, image):
        moved = super()._outside(w, image)
        low, high = (None if b is None else nearest(b, dtype_of(w)) for b in self._bounds())
        # What a bound is rounded to violates nothing, on whichever side of it.
        moved = moved if low is None else ops.where(w == low, 0.0, moved)
        return moved if high is None else ops.where(w == high, 0.0, moved)

    def _usable(self, w):
        return ops.logical_not(ops.isnan(w))

    def _maps(self):
        return maps_of_bounds(self)

    def _transform(self):
        return next(iter(self._maps().values()))(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_bounds.bounded(*self._bounds(), fan_in, wanted)


class NonNegative(_Bounds):
    """Every weight is at least zero.

    The set is `{w : w >= 0}`; the projection is `max(w, 0)`, exact.

    The initializer draws flat Dirichlet weights, so that every unit's weights sum to one and a
    positive signal keeps its level at any depth; with an activation the sum is that of `plan`, and
    from depth 4 on most of it is on one input for each unit, in turns: only so do features
    survive. The variance of an unconstrained draw is out of reach: weights of one sign and that
    variance would multiply the level by about `0.8 * sqrt(fan_in)` at each layer.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.NonNegative().project([-1.0, 0.0, 2.5])))
    [0.  0.  2.5]

    Source: the convex cone of `keras.constraints.NonNeg`; for its initial weights P.-J. Hoedt,
    G. Klambauer, "Principled weight initialisation for input-convex neural networks", 2023,
    https://arxiv.org/abs/2312.12474.
    """

    def _bounds(self):
        return 0.0, None

    def _phrase(self):
        return "every weight at least 0"


class Positive(_Bounds):
    """Every weight is at least a small positive number.

    The set is `{w : w >= minimum}`: closed and away from zero, so that a logarithm, a square root
    or a quotient of the weight is finite, and so is its gradient.

    Args:
        minimum: The least allowed weight. The default is a number whose reciprocal and logarithm
            are finite in float16 too.

    Raises:
        ValueError: `minimum` is not positive and finite.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Positive(0.5).project([-1.0, 0.25, 2.5])))
    [0.5 0.5 2.5]
    """

    def __init__(self, minimum: float = 1e-4):
        self.minimum = _checks.positive(
            "Positive", "minimum", minimum, instead="For weights that may be 0 use NonNegative()."
        )

    def _bounds(self):
        return self.minimum, None

    def _phrase(self):
        return f"every weight at least {self.minimum:g}"


class Box(_Bounds):
    """Every weight lies between two bounds.

    The set is `{w : lower <= w <= upper}`, bounds included; None leaves a side open.

    The initializer draws with mean zero and the variance of the Glorot draw where zero lies inside
    and the bounds leave room for it (`-lower * upper` is the largest variance of mean zero that a
    box allows, and what it draws beyond that). Where zero is not inside, a unit's weights sum to
    one if the bounds allow it, and else are log-uniform between them, of which `plan` and the
    output scale of `constrained` make a signal.

    Args:
        lower: The least allowed weight, or None.
        upper: The largest allowed weight, or None.

    Raises:
        ValueError: A bound is not finite, both are None, or `lower` is not below `upper`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Box(-0.5, 1).project([-1.0, 0.25, 2.5])))
    [-0.5   0.25  1.  ]
    """

    def __init__(self, lower: float | None = None, upper: float | None = None):
        open_side = "Use None for an open side."
        self.lower = (
            None if lower is None else _checks.number("Box", "lower", lower, instead=open_side)
        )
        self.upper = (
            None if upper is None else _checks.number("Box", "upper", upper, instead=open_side)
        )
        if self.lower is None and self.upper is None:
            raise _checks.fail("Box", "lower", "be a number where upper is None", lower)
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise _checks.fail("Box", "lower", f"be below upper={upper!r}", lower)

    def _bounds(self):
        return self.lower, self.upper

    def _phrase(self):
        if self.lower is None:
            return f"every weight at most {self.upper:g}"
        if self.upper is None:
            return f"every weight at least {self.lower:g}"
        return f"every weight in [{self.lower:g}, {self.upper:g}]"


class MaxAbs(_Bounds):
    """No weight is larger in magnitude than the bound.

    The set is `{w : |w| <= bound}`, the ball of the maximum norm: `Box(-bound, bound)`. Exact.

    The initializer draws as that of `Box`.

    Args:
        bound: The largest allowed magnitude.

    Raises:
        ValueError: `bound` is not positive and finite.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.MaxAbs(0.5).project([-1.0, 0.25, 2.5])))
    [-0.5   0.25  0.5 ]
    """

    def __init__(self, bound: float):
        self.bound = _checks.positive("MaxAbs", "bound", bound)

    def _bounds(self):
        return -self.bound, self.bound

    def _phrase(self):
        return f"every weight at most {self.bound:g} in magnitude"


def bounds_of(constraint: Any) -> tuple[float | None, float | None] | None:
    """The bounds of a set of bounds, None for any other."""
    return constraint._bounds() if isinstance(constraint, _Bounds) else None


def common_bounds(sets: list[Any]) -> tuple[float | None, float | None]:
    """What the bounds of those sets that are sets of bounds leave."""
    bounds = [b for b in map(bounds_of, sets) if b]
    lower = max((low for low, _ in bounds if low is not None), default=None)
    return lower, min((high for _, high in bounds if high is not None), default=None)
