"""Sets of sums: weights that share a total, or may not go above one."""

import math
from typing import Any

import ml_dtypes
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_bounds, laws_of_sums
from constrainit.numerics import at_least, project_simplex
from constrainit.transforms import Linear, Slack, Softmax


class _Shares(ConstraintSet):
    """`{w : w >= 0, sum(w) = total}` for each unit."""

    to_the_bit = True
    total: float

    def _nearest(self, w, dtype, where=None):
        return project_simplex(w, self.total, self._units(len(w.shape)), where)

    def _holds(self, w, image, dtype):
        # By no tolerance below zero: a root or a logarithm of the weights would be NaN.
        units, positive = self._units(len(w.shape)), ops.greater_equal(w, 0)
        positive = ops.all(positive, axis=units, keepdims=True) if units else positive
        return ops.logical_and(positive, super()._holds(w, image, dtype))

    def _transform(self):
        return Softmax(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_bounds.shares_of(fan_in, self.total, wanted)


class Simplex(_Shares):
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

    def _phrase(self):
        return f"each unit's weights non-negative and of sum {self.total:g}"


class _Total(ConstraintSet):
    """`{w : sum(w) = total}` for each unit."""

    total: float

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

    def _transform(self):
        return Linear(self, linear=self.total == 0)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_sums.with_total(fan_in, self.total, wanted)


class SumTo(_Total):
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

    def _phrase(self):
        return f"each unit's weights of sum {self.total:g}"


class ZeroMean(_Total):
    """Every unit's weights have mean zero.

    The set is `{w : mean(w) = 0}` for each unit, that of `SumTo(0)`: a level that all inputs have
    in common has no effect on the unit. The projection takes the mean off; exact.

    The initializer draws weights of the Glorot norm in uniform directions of mean zero.

    Args:
        axis: As for `Simplex`.

    Raises:
        ValueError: `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.ZeroMean().project([1.0, 2.0, 6.0])))
    [-2. -1.  3.]

    Source: S. Qiao et al., "Micro-batch training with batch-channel normalization and weight
    standardization", 2019, https://arxiv.org/abs/1903.10520 (weights of mean zero).
    """

    total = 0.0

    def __init__(self, axis: int | list[int] | None = None):
        self.axis = _checks.axes("ZeroMean", axis)

    def _phrase(self):
        return "each unit's weights of mean 0"


class Halfspace(ConstraintSet):
    """Every unit's weights have at most a given inner product with a given vector.

    The set is `{w : sum(normal * w) <= bound}` for each unit. A unit outside moves along the normal
    onto the boundary; exact. A unit inside comes back as it was.

    The initializer draws weights of the Glorot norm in uniform directions at right angles to the
    normal; if the bound is negative, around the point of the boundary nearest to zero.

    Args:
        normal: None for a vector of ones, so that the sum is bounded; or a list with one number for
            each weight of a unit, in the order of the weight's axes.
        bound: The largest allowed inner product.
        axis: As for `Simplex`.

    Raises:
        ValueError: `normal` holds no number other than zero, a number is not finite, or, at use, a
            unit has another number of weights than `normal`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Halfspace([1.0, -1.0], 0.0).project([3.0, 1.0])))
    [2. 2.]
    """

    def __init__(self, normal: Any, bound: float, axis: int | list[int] | None = None):
        given = normal is not None
        self.normal = _checks.numbers_of("Halfspace", "normal", normal) if given else None
        if given and not any(self.normal or []):
            raise _checks.fail("Halfspace", "normal", "have an entry other than zero", normal)
        self.bound = _checks.number("Halfspace", "bound", bound)
        self.axis = _checks.axes("Halfspace", axis)

    @property
    def maskable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only for a normal of ones, which has no entry of its own for each weight."""
        return self.normal is None

    def check_shape(self, shape):
        super().check_shape(shape)
        entries = math.prod(shape[a] for a in self._units(len(shape)))
        if self.normal is not None and len(self.normal) != entries:
            raise ValueError(
                f"`normal` of `Halfspace` must have one number for each of the {entries} weights "
                f"of a unit. Received: {len(self.normal)} numbers for a weight of shape "
                f"{tuple(shape)} with axis={self.axis}."
            )

    def _scaled(self, entries):
        """The normal and the bound, divided by the largest entry of the normal."""
        normal = np.ones(entries) if self.normal is None else np.asarray(self.normal)
        peak = float(np.abs(normal).max())
        return normal / peak, self.bound / peak

    def _nearest(self, w, dtype, where=None):
        rank = len(w.shape)
        units = tuple(sorted(a % rank for a in self._units(rank)))
        normal, bound = self._scaled(math.prod(w.shape[a] for a in units))
        along = [w.shape[a] if a in units else 1 for a in range(rank)]
        normal = ops.convert_to_tensor(np.reshape(normal, along), dtype=w.dtype)
        if where is not None:
            normal = normal * ops.cast(where, w.dtype)
        square = _total(normal * normal, units)
        foot = normal / ops.where(square > 0, square, ops.ones_like(square))
        image = w
        # Again from nearer to the boundary: the first step carries a rounding of `w`.
        for _ in range(3):
            image = image - foot * (_total(normal * image, units) - bound)
        # What is left of a weight along the normal is its rounding.
        rest = image - foot * bound
        spent = _peak(rest, units) <= float(ml_dtypes.finfo(dtype).eps) ** 2 * _peak(w, units)
        image = ops.where(spent, ops.zeros_like(w) + foot * bound, image)
        outside = _total(normal * w, units) > bound
        return ops.where(outside, image, w)

    def _transform(self):
        return Slack(self)

    def _law(self, fan_in, fan_out, wanted):
        normal, bound = self._scaled(fan_in)
        if fan_in == 1:
            limit = bound / normal[0]
            return laws_of_bounds.bounded(
                *((None, limit) if normal[0] > 0 else (limit, None)), 1, wanted
            )
        if self.normal is None:
            return laws_of_sums.with_total(fan_in, min(bound, 0.0), wanted)
        return laws_of_sums.beside(normal, min(bound, 0.0), wanted)

    def _phrase(self):
        if self.normal is None:
            return f"each unit's weights of sum at most {self.bound:g}"
        return f"each unit's inner product with a given vector at most {self.bound:g}"


def _total(x, units):
    return ops.sum(x, axis=units, keepdims=True) if units else x


def _peak(x, units):
    return ops.max(ops.abs(x), axis=units, keepdims=True) if units else ops.abs(x)


def is_shares(constraint: Any) -> bool:
    """Whether the set speaks of non-negative weights of one sum only."""
    return isinstance(constraint, _Shares)


def is_total(constraint: Any) -> bool:
    """Whether the set speaks of one sum of weights of either sign only."""
    return isinstance(constraint, _Total)
