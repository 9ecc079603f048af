"""Sets made from sets."""

import math
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import looping
from constrainit._precision import smallest_normal, tolerance
from constrainit._set import ConstraintSet
from constrainit.initializers import laws
from constrainit.numerics import at_least, dykstra
from constrainit.sets.elementwise import NonNegative, bounds_of
from constrainit.sets.keras_builtin import as_set
from constrainit.sets.norms import is_norm_set


class _Wrapping(ConstraintSet):
    """One set, applied in another way."""

    set: ConstraintSet

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.convex

    @property
    def unresolved(self) -> bool:
        """As the inner set."""
        return self.set.unresolved

    @property
    def unit_axis(self) -> Any:
        """As the inner set."""
        return self.set.unit_axis

    def resolve(self, axis):
        """A copy around the resolved inner set."""
        return type(self)(**{**self._arguments(), "set": self.set.resolve(axis)})

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.traceable

    def _units(self, rank):
        return self.set._units(rank)


class Masked(_Wrapping):
    """Only the entries in the mask are used: they obey a set, and the others are zero.

    The set is `{w : w = 0 outside the mask, w in set}`; for sets of bounds the set holds inside
    the mask only. Exact: norms, sums and bounds are taken over the entries in the mask. A
    unit with no entry in the mask is zero.

    The initializer draws from the inner set and scales each unit up for the inputs it lost, so
    that its variance is that of the full unit where the set leaves the scale free.

    Args:
        set: The set that the entries in the mask obey; anything that `as_set` takes.
        mask: Array or nested list of booleans (or 0 and 1) that broadcasts to the weight.

    Raises:
        ValueError: `mask` holds other values, or the set has no projection under a mask.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Masked(ci.SumTo(1.0), [1, 0, 1]).project([1.0, 5.0, 2.0])))
    [0. 0. 1.]
    """

    maskable = False

    def __init__(self, set: Any, mask: Any):
        self.set = as_set(set)
        if not self.set.maskable:
            raise _checks.fail(
                "Masked", "set", "have a projection under a mask", set,
                "Bounds, norms, sums and Symmetric() have one.",
            )  # fmt: skip
        array = np.asarray(mask)
        if array.size == 0 or not np.isin(array, (0, 1)).all():
            raise _checks.fail("Masked", "mask", "hold booleans, or 0 and 1", mask)
        self.mask = array.astype(bool).tolist()

    def check_shape(self, shape):
        self.set.check_shape(shape)
        own = np.shape(self.mask)
        try:
            fits = np.broadcast_shapes(own, shape) == tuple(shape)
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"`mask` of `Masked` must broadcast to the weight. Received: a mask of shape {own}"
                f" for a weight of shape {tuple(shape)}."
            )

    def _where(self, w):
        return ops.broadcast_to(ops.convert_to_tensor(self.mask, dtype="bool"), w.shape)

    def _nearest(self, w, dtype, where=None):
        where = self._where(w)
        inner = self.set._nearest(ops.where(where, w, ops.zeros_like(w)), dtype, where)
        return ops.where(where, inner, ops.zeros_like(w))

    def _holds(self, w, image, dtype):
        where = self._where(w)
        inner = self.set._holds(ops.where(where, w, ops.zeros_like(w)), image, dtype)
        return ops.where(where, ops.broadcast_to(inner, w.shape), ops.equal(w, 0))

    def _usable(self, w):
        return self.set._usable(w)

    def _draw(self, shape, dtype, seed):
        draw = self.set._draw(shape, dtype, seed)
        where = np.broadcast_to(np.asarray(self.mask), shape)
        feeding = _feeding(shape, self._units(len(shape)))
        share = where.mean(axis=feeding, keepdims=True)
        return draw * ops.cast(1.0 / np.sqrt(np.where(share > 0, share, 1.0)), draw.dtype)

    def _phrase(self):
        share = float(np.mean(self.mask))
        return f"zero outside a mask of {share:.0%} of the entries, inside: {self.set.describe()}"


class Blocks(_Wrapping):
    """Each of several equal blocks along an axis obeys a set by itself.

    An LSTM keeps its four gates side by side in one recurrent kernel `(units, 4 * units)`, a GRU
    its three: `Blocks(Orthogonal(), 4)` makes each gate's matrix orthogonal. As exact as the set.

    Args:
        set: The set that each block obeys; anything that `as_set` takes.
        count: How many blocks.
        axis: The axis that is cut into blocks.

    Raises:
        ValueError: `count` is no positive integer; at use, the axis does not divide into blocks.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Blocks(ci.SumTo(0.0, axis=-1), 2).project([[1.0, 3.0, 5.0, 7.0]])))
    [[-1.  1. -1.  1.]]
    """

    maskable = False

    def __init__(self, set: Any, count: int, axis: int = -1):
        self.set = as_set(set)
        self.count = _checks.count("Blocks", "count", count)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise _checks.fail("Blocks", "axis", "be an integer", axis)
        self.axis = axis

    def check_shape(self, shape):
        if not -len(shape) <= self.axis < len(shape) or shape[self.axis] % self.count:
            raise ValueError(
                f"`Blocks` must cut axis {self.axis} of the weight into {self.count} equal blocks. "
                f"Received: shape={tuple(shape)}."
            )
        self.set.check_shape(self._block_shape(shape))

    def _block_shape(self, shape):
        block = list(shape)
        block[self.axis] //= self.count
        return tuple(block)

    def _split(self, w):
        return ops.split(w, self.count, axis=self.axis)

    def _nearest(self, w, dtype, where=None):
        parts = [self.set._nearest(part, dtype) for part in self._split(w)]
        return ops.concatenate(parts, axis=self.axis)

    def _holds(self, w, image, dtype):
        pairs = zip(self._split(w), self._split(image), strict=True)
        held = [ops.broadcast_to(self.set._holds(a, b, dtype), a.shape) for a, b in pairs]
        return ops.concatenate(held, axis=self.axis)

    def _usable(self, w):
        usable = [ops.broadcast_to(self.set._usable(a), a.shape) for a in self._split(w)]
        return ops.concatenate(usable, axis=self.axis)

    def _distance(self, moved):
        return ops.stack([ops.max(self.set._distance(part)) for part in self._split(moved)])

    def _draw(self, shape, dtype, seed):
        block = self._block_shape(shape)
        parts = [self.set._draw(block, dtype, laws.nth_seed(seed, i)) for i in range(self.count)]
        return ops.concatenate(parts, axis=self.axis)

    def describe(self):
        """The inner set's line, for each block."""
        return f"each of {self.count} blocks along axis {self.axis}: {self.set.describe()}"


class Intersection(ConstraintSet):
    """The weights that lie in every one of several sets, also written `a & b`.

    For convex sets the projection is Dykstra's algorithm: it converges to the nearest point and is
    approximate. Sets of bounds are held exactly, the others to a relative 1e-5 (or the tolerance
    of the storage dtype, if that is larger); the result is nearest to the same share of the
    largest weight. Exact, in one pass, are bounds with bounds, and `NonNegative` with one set of
    norms, which need not be convex. Units are those of all sets together: with a set along axis 0
    and one along axis 1, the whole matrix.

    The initializer draws from the first set and projects. Bounds that exclude one another are
    refused; that other sets have nothing in common can not be told, and the result is then in
    some of them only.

    Args:
        sets: Two or more sets; anything that `as_set` takes.

    Raises:
        ValueError: Fewer than two sets, sets that are not convex (but for the exact pair), or
            bounds that exclude one another.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> both = ci.NonNegative() & ci.UnitNorm()
    >>> print(np.asarray(both.project([3.0, 4.0, -2.0])).round(4))
    [0.6 0.8 0. ]

    Source: J. Boyle, R. Dykstra, 1986; for the exact pair H. Bauschke, M. Bui, X. Wang,
    "Projecting onto the intersection of a cone and a sphere", 2018.
    """

    maskable = False
    accuracy = 1e-5

    def __init__(self, sets: list[Any]):
        if not isinstance(sets, (list, tuple)) or len(sets) < 2:
            raise _checks.fail("Intersection", "sets", "be a list of at least two sets", sets)
        flat = [as_set(one) for one in sets]
        self.sets = [
            part for one in flat for part in (one.sets if isinstance(one, Intersection) else [one])
        ]
        curved = [one for one in self.sets if not one.convex]
        if curved and not self._is_cone_and_norm():
            raise _checks.fail(
                "Intersection", "sets", "be convex, each of them", self.sets,
                f"{curved[0]!r} is not: alternating projections would not find the nearest point.",
            )  # fmt: skip
        bounds = [b for b in map(bounds_of, self.sets) if b]
        lower = max((low for low, _ in bounds if low is not None), default=-math.inf)
        if lower > min((high for _, high in bounds if high is not None), default=math.inf):
            raise _checks.fail("Intersection", "sets", "have a weight in common", self.sets)

    def _is_cone_and_norm(self):
        kinds = sorted((isinstance(s, NonNegative), is_norm_set(s)) for s in self.sets)
        return kinds == [(False, True), (True, False)]

    def _is_bounds(self):
        return all(bounds_of(one) for one in self.sets)

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether every set is."""
        return all(one.convex for one in self.sets)

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether every set is."""
        return all(one.traceable for one in self.sets)

    @property
    def unresolved(self) -> bool:
        """Whether any of the sets waits for its axis."""
        return any(one.unresolved for one in self.sets)

    def resolve(self, axis):
        """The intersection of the resolved sets."""
        return Intersection([one.resolve(axis) for one in self.sets])

    def check_shape(self, shape):
        for one in self.sets:
            one.check_shape(shape)

    def _units(self, rank):
        return tuple(sorted({a % rank for one in self.sets for a in one._units(rank)}))

    def _usable(self, w):
        return self._in_all([one._usable(w) for one in self.sets], w)

    def _in_all(self, answers, w):
        """Whether all sets say yes to all of a unit: it moves, or stays, as a whole."""
        every, units = ops.ones_like(w, dtype="bool"), self._units(len(w.shape))
        for answer in answers:
            every = ops.logical_and(every, answer)
        return ops.all(every, axis=units, keepdims=True) if units else every

    def _ordered(self):
        """Bounds last: the result of a sweep is exactly in the last set."""
        return sorted(self.sets, key=lambda one: bounds_of(one) is not None)

    def _nearest(self, w, dtype, where=None):
        if self._is_cone_and_norm():
            norms, _ = self._ordered()
            return norms._nearest(_cone_part(w, norms), dtype)
        if self._is_bounds():
            for one in self.sets:
                w = one._nearest(w, dtype)
            return w
        return looping(_by_dykstra, self, dtype, tuple(w.shape))(w)

    def _holds(self, w, image, dtype):
        held = [one._holds(w, one._nearest(w, dtype), dtype) for one in self.sets]
        inside = self._in_all(held, w)
        if self._is_bounds() or self._is_cone_and_norm():
            return inside
        units, loose = self._units(len(w.shape)), max(self.accuracy, tolerance(dtype))
        scale = ops.max(ops.abs(image), axis=units, keepdims=True) + smallest_normal(dtype)
        bounds = [one for one, of in zip(held, self.sets, strict=True) if bounds_of(of)]
        near = self._in_all([ops.abs(w - image) <= loose * scale, *bounds], w)
        return ops.logical_or(inside, near)

    def _draw(self, shape, dtype, seed):
        return self.sets[0]._draw(shape, dtype, seed)

    def describe(self):
        """The sets' lines, joined."""
        return " and ".join(one.describe() for one in self.sets)


def _by_dykstra(intersection, dtype, shape, w):
    steps = [lambda x, one=one: one._nearest(x, dtype) for one in intersection._ordered()]
    units = intersection._units(len(shape))
    return dykstra(w, steps, stop=intersection.accuracy / 100, axis=units)


def _cone_part(w, norms):
    """The non-negative part; where none is left and zero is no member, the largest entry's axis."""
    part, units = at_least(w, 0.0), norms._units(len(w.shape))
    if norms._range()[0] == 0 or not units:
        return part
    lost = ops.max(part, axis=units, keepdims=True) <= 0
    top = ops.max(w, axis=units, keepdims=True)
    place = ops.reshape(ops.arange(math.prod(w.shape)), w.shape)
    peak = ops.where(ops.equal(w, top), place, math.prod(w.shape))
    # Of several largest entries below zero only one: between their axes it is further.
    peak = ops.equal(place, ops.min(peak, axis=units, keepdims=True))
    return ops.where(lost, ops.cast(peak, w.dtype) * 1e-20, part)


def _feeding(shape, units):
    """The axes over which a unit's inputs are counted: its own, or all but the last."""
    return units or tuple(range(max(len(shape) - 1, 1)))
