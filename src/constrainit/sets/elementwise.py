"""Sets of bounds: each weight on its own."""

import functools
from typing import Any

import numpy as np

from constrainit import _checks
from constrainit.sets._bounds import _Bounds, _BoundsOfEntries, check_room, spans


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


class Box(_BoundsOfEntries):
    """Every weight lies between two bounds.

    The set is `{w : lower <= w <= upper}`, bounds included; None leaves a side open. A bound is one
    number for all weights, or an array with one for each.

    The initializer draws with mean zero and the variance of the Glorot draw where zero lies inside
    and the bounds leave room for it (`-lower * upper` is the largest variance of mean zero that a
    box allows, and what it draws beyond that). Where zero is not inside, a unit's weights sum to
    one if the bounds allow it, and else are log-uniform between them, of which `plan` and the
    output scale of `constrained` make a signal. With bounds that differ, this is done entry by
    entry: of mean zero where zero is inside; else uniform from the bound nearest to zero on, as far
    as the sum or, in a unit of both signs, the variance takes it.

    Args:
        lower: The least allowed weight, or None; or an array or nested list that broadcasts to the
            weight as in NumPy, in which None or `-inf` leaves an entry open.
        upper: The largest allowed weight, as `lower`; `inf` leaves an entry open.

    Raises:
        ValueError: A bound is NaN or an infinity on the wrong side, there is none at all, or
            `lower` is not below `upper`; at use, an array does not broadcast to the weight.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Box(-0.5, 1).project([-1.0, 0.25, 2.5])))
    [-0.5   0.25  1.  ]
    >>> print(np.asarray(ci.Box([0, -1, None], 2).project([-3.0, -3.0, -3.0])))
    [ 0. -1. -3.]
    """

    def __init__(self, lower: Any = None, upper: Any = None):
        self.lower = _checks.bounds("Box", "lower", lower, -1)
        self.upper = _checks.bounds("Box", "upper", upper, +1)
        if self.lower is None and self.upper is None:
            raise _checks.fail("Box", "lower", "be a number where upper is None", lower)
        if self._by_entry:
            check_room(*self._bounds())
        elif self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise _checks.fail("Box", "lower", f"be below upper={upper!r}", lower)

    def _phrase(self):
        if self._by_entry:
            return f"every weight between bounds of its own: {spans(*self._full)}"
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
    """The bounds of a set of bounds that are the same for all entries, None for any other set."""
    is_one = isinstance(constraint, _Bounds) and not constraint._by_entry
    return constraint._bounds() if is_one else None


def limits_of(constraint: Any) -> tuple[Any, Any] | None:
    """As `bounds_of`, also where they are arrays, infinite where an entry has none."""
    return constraint._bounds() if isinstance(constraint, _Bounds) else None


def common_bounds(sets: list[Any]) -> tuple[Any, Any]:
    """What the bounds of those sets that are sets of bounds leave.

    Raises:
        ValueError: They are arrays that do not broadcast to one another.
    """
    bounds = [b for b in map(limits_of, sets) if b]
    return (
        _tightest([low for low, _ in bounds if low is not None], np.maximum),
        _tightest([high for _, high in bounds if high is not None], np.minimum),
    )


def _tightest(ends, of_both):
    """The one bound that several are together, a number unless one of them is an array."""
    if not ends:
        return None
    common = functools.reduce(of_both, ends)
    return common if np.ndim(common) else float(common)
