"""Sets of sums: weights that share a total."""

import math

from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers import laws
from constrainit.numerics import at_least, project_simplex


class Simplex(ConstraintSet):
    """Every unit's weights are non-negative and sum to the total.

    The set is `{w : w >= 0, sum(w) = total}` for each unit. The projection is exact and subtracts
    one threshold per unit; it takes a few passes over the weights and no sort.

    The initializer draws from the flat Dirichlet law, uniform on the simplex, in multiples of the
    spacing of the storage dtype at the total: the weights sum to it exactly, in every order of
    summation (in bfloat16 at the price of at most 256 pieces for a unit). A level common to all
    inputs is kept, times `total`; what differs between inputs is averaged, to about `2 / fan_in`
    of its variance. No member with all weights in use can do much better: the variance is `1 / k`
    for `k` weights in effective use. With an activation and from depth 4 on, most of the total is
    on one input for each unit.

    Args:
        total: What each unit's weights sum to.
        axis: The axes whose weights sum to the total. None: the axes that feed one unit, found
            from the layer that owns the weight; for a bare array all axes but the last.

    Raises:
        ValueError: `total` is not positive and finite.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Simplex().project([0.5, 0.75, -1.0])).round(4))
    [0.375 0.625 0.   ]

    Source: L. Condat, "Fast projection onto the simplex and the l1 ball", 2016.
    """

    def __init__(self, total: float = 1.0, axis: int | list[int] | None = None):
        self.total = _checks.positive("Simplex", "total", total)
        self.axis = _checks.axes("Simplex", axis)

    def _nearest(self, w, dtype, where=None):
        return project_simplex(w, self.total, self._units(len(w.shape)), where)

    def _holds(self, w, image, dtype):
        # By no tolerance below zero: a root or a logarithm of the weights would be NaN.
        units, positive = self._units(len(w.shape)), ops.greater_equal(w, 0)
        positive = ops.all(positive, axis=units, keepdims=True) if units else positive
        return ops.logical_and(positive, super()._holds(w, image, dtype))

    def _law(self, fan_in, fan_out, wanted):
        return laws.shares_of(fan_in, self.total, wanted)

    def _phrase(self):
        return f"each unit's weights non-negative and of sum {self.total:g}"


class SumTo(ConstraintSet):
    """Every unit's weights sum to the total, of either sign.

    The set is the hyperplane `{w : sum(w) = total}` for each unit. The projection spreads the
    surplus evenly; exact.

    The initializer draws weights of the Glorot norm in uniform directions around `total / fan_in`.

    Args:
        total: What each unit's weights sum to; 0 gives weights of mean zero.
        axis: As for `Simplex`.

    Raises:
        ValueError: `total` is not finite.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.SumTo(0.0).project([1.0, 2.0, 6.0])))
    [-2. -1.  3.]
    """

    def __init__(self, total: float = 0.0, axis: int | list[int] | None = None):
        self.total = _checks.number("SumTo", "total", total)
        self.axis = _checks.axes("SumTo", axis)

    def _nearest(self, w, dtype, where=None):
        units = self._units(len(w.shape))
        kept = ops.ones_like(w) if where is None else ops.cast(where, w.dtype)
        if not units:
            return self.total * kept
        size = at_least(ops.sum(kept, axis=units, keepdims=True), 1.0)
        # What all weights of a unit have in common goes first: 1e6, or the whole of an even unit,
        # would leave its rounding behind. Twice, as the first surplus carries a rounding too.
        low = ops.full_like(w, -math.inf)
        peak = ops.max(ops.where(kept > 0, w, low), axis=units, keepdims=True)
        w = ops.where(kept > 0, w - peak, ops.zeros_like(w))
        for _ in range(2):
            surplus = ops.sum(w, axis=units, keepdims=True) - self.total
            w = (w - surplus / size) * kept
        return w

    def _law(self, fan_in, fan_out, wanted):
        return laws.with_total(fan_in, self.total, wanted)

    def _phrase(self):
        return f"each unit's weights of sum {self.total:g}"
