"""The weights that several sets have in common."""

import functools
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import looping
from constrainit._precision import dtype_of, smallest_normal, tolerance, widened
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_bounds
from constrainit.numerics import dykstra
from constrainit.sets._apart import furthest_set, peak_of, random_pair
from constrainit.sets.combine import agreed, inner_set
from constrainit.sets.conflicts import check_common, of_orders, reason
from constrainit.sets.elementwise import common_bounds, limits_of
from constrainit.sets.exact import exact_projection
from constrainit.sets.few import few_of, is_cone_and_norm
from constrainit.sets.inequalities import as_polyhedron, onto_polyhedron
from constrainit.sets.meeting import box_between, drawn_from, map_onto_all
from constrainit.sets.order import order_and_bend

_GAP = 1e-3
"""A point so far outside, relative to its largest entry, is none that would come nearer still."""

_NOTHING = 1e-20
"""What has become so small on its way from numbers near one is on its way to zero."""


class Intersection(ConstraintSet):
    """The weights that lie in every one of several sets, also written `a & b`.

    The projection is exact for bounds with bounds; bounds with one sum (`Simplex`, `SumTo`,
    `ZeroMean`, `Halfspace` or one equation of `Affine`; `L1Ball` with `NonNegative` or `MaxAbs`);
    bounds that are the same for all weights with `Monotone` without a gap, or `Unimodal` at a given
    place; `Monotone` with `Convex` or `Concave` along one axis; and `NonNegative` with one set of
    norms, which need not be convex. Exact too, and one of several, is `TopK` or `Sparse` with what
    is the same in every order of the inputs: `Simplex`, `L1Ball` or a set of norms along the same
    axes, bounds of one magnitude or from zero upward, or `NonNegative` with norms. The largest
    weights, or magnitudes, are kept, and projected onto the other set. Other sets of linear
    inequalities are taken together as one `Polyhedron`, if there are at most 256 for a unit.

    For all other convex sets it is Dykstra's algorithm: it converges to the nearest point and is
    approximate. Sets of bounds are held exactly, the others to a relative 1e-5 (or the tolerance
    of the storage dtype, if that is larger); the result is nearest to the same share of the
    largest weight. Units are those of all sets together: with a set along axis 0 and one along
    axis 1, the whole matrix. Sets that meet at a small angle take many rounds.

    There is a smooth map onto what bounds have in common with bounds, `Monotone`, `Symmetric`,
    `Toeplitz`, `Circulant`, `Simplex` (a floor, a cap), `SumTo`, `ZeroMean` (two bounds),
    `NonNegative` with one set of norms, `L1Ball` or `GroupL1Ball`, and `Monotone` with `Convex` or
    `Concave` along its axis, within bounds or without; of other sets there is none.

    The initializer draws from the first set, or from `Monotone` wherever that stands, and projects;
    with `TopK` or `Sparse` from the other one, on random inputs. Bounds that exclude one another,
    a total, a norm or an inner product are refused, and so are opposite orders with a gap; without
    one they leave constants, and a built layer warns. That sets have nothing in common, or zero
    alone, is seen where a weight is drawn and by `constrain`, which raise, and where a layer is
    built, which warns; the projection of a weight is then in some of them only, and `violation`
    tells how far it is from the one that it is furthest from.

    Args:
        sets: Two or more sets; anything that `as_set` takes.

    Raises:
        ValueError: Fewer than two sets, sets that are not convex (but for those above), or bounds
            that exclude one another; at use, `TopK` or `Sparse` along other axes than another set.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> both = ci.NonNegative() & ci.UnitNorm()
    >>> print(np.asarray(both.project([3.0, 4.0, -2.0])).round(4))
    [0.6 0.8 0. ]
    >>> few = ci.Simplex() & ci.TopK(2)
    >>> print(np.asarray(few.project([0.5, 0.75, 0.25, -1.0])))
    [0.375 0.625 0.    0.   ]

    Source: J. Boyle, R. Dykstra, 1986; for a sum within bounds K. Kiwiel, "Variable fixing
    algorithms for the continuous quadratic knapsack problem", 2008; for norms H. Bauschke, M. Bui,
    X. Wang, "Projecting onto the intersection of a cone and a sphere", 2018; for sparse weights A.
    Kyrillidis, S. Becker, V. Cevher, C. Koch, "Sparse projections onto the simplex", 2013,
    https://arxiv.org/abs/1206.1529.
    """

    maskable = False
    accuracy = 1e-5
    projects = "exact, or to 1e-5"
    maps = "of some pairs"

    @property
    def no_map(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That two maps do not make one onto both, but for some pairs."""
        if self._few:
            return self._few.sparse.no_map
        return "a map onto each set is none onto both" if self.transform is None else ""

    def __init__(self, sets: list[Any]):
        if not isinstance(sets, (list, tuple)) or len(sets) < 2:
            raise _checks.fail("Intersection", "sets", "be a list of at least two sets", sets)
        flat = [inner_set("Intersection", "sets", one) for one in sets]
        self.sets = [
            part for one in flat for part in (one.sets if isinstance(one, Intersection) else [one])
        ]
        curved = [one for one in self.sets if not one.convex]
        if curved and not is_cone_and_norm(self.sets) and not self._few:
            raise _checks.fail(
                "Intersection", "sets", "be convex, each of them", self.sets,
                f"{curved[0]!r} is not: alternating projections would not find the nearest point.",
            )  # fmt: skip
        check_common(self.sets)

    def _is_bounds(self):
        return all(limits_of(one) for one in self.sets)

    @functools.cached_property
    def _few(self):
        return few_of(self.sets, Intersection)

    @functools.cached_property
    def _directly(self):
        return exact_projection(self.sets, self._few)

    @property
    def may_lack(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the sets may have nothing in common."""
        return not (self._few or self._is_bounds() or is_cone_and_norm(self.sets))

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether every set is."""
        return all(one.convex for one in self.sets)

    @property
    def is_cone(self) -> bool:
        """Whether every set is."""
        return all(one.is_cone for one in self.sets)

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether every set is."""
        return all(one.traceable for one in self.sets)

    @property
    def unresolved(self) -> bool:
        """Whether any of the sets waits for its axis."""
        return any(one.unresolved for one in self.sets)

    @property
    def unit_axis(self) -> Any:
        """That of the sets which have one, where they agree."""
        return agreed(one.unit_axis for one in self.sets)

    def resolve(self, axis):
        """The intersection of the resolved sets."""
        return Intersection([one.resolve(axis) for one in self.sets])

    def check_shape(self, shape):
        for one in self.sets:
            one.check_shape(shape)
        if self._few:
            self._few.check_axes(len(shape))
        if said := of_orders(self.sets, len(shape)):
            raise _checks.fail("Intersection", "sets", "have a weight in common", self.sets, said)

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
        return sorted(self.sets, key=lambda one: limits_of(one) is not None)

    def _nearest(self, w, dtype, where=None):
        if self._directly:
            return self._directly(w, dtype)
        one = as_polyhedron(tuple(self.sets), tuple(w.shape))
        if one is None:
            return looping(_by_dykstra, self, dtype, tuple(w.shape))(w)
        w = onto_polyhedron(one, w, dtype)
        for bounds in filter(limits_of, self.sets):
            w = bounds._nearest(w, dtype)
        return w

    def _holds(self, w, image, dtype):
        joined = not self._directly and as_polyhedron(tuple(self.sets), tuple(w.shape))
        if joined or order_and_bend(self.sets):
            bounds = filter(limits_of, self.sets)
            held = [one._holds(w, one._nearest(w, dtype), dtype) for one in bounds]
            return self._in_all([super()._holds(w, image, dtype), *held], w)
        held = [one._holds(w, one._nearest(w, dtype), dtype) for one in self.sets]
        inside = self._in_all(held, w)
        if self._directly:
            return inside
        units, loose = self._units(len(w.shape)), max(self.accuracy, tolerance(dtype))
        scale = ops.max(ops.abs(image), axis=units, keepdims=True) + smallest_normal(dtype)
        bounds = [one for one, of in zip(held, self.sets, strict=True) if limits_of(of)]
        near = self._in_all([ops.abs(w - image) <= loose * scale, *bounds], w)
        found = self._in_all(self._nearly(image, dtype), w)
        return ops.logical_or(inside, ops.logical_and(near, found))

    def _nearly(self, w, dtype):
        """Of each set, whether the units of `w` are in it, to what Dykstra's algorithm gives."""
        units, loose = self._units(len(w.shape)), max(self.accuracy, tolerance(dtype))
        scale = ops.max(ops.abs(w), axis=units, keepdims=True) + smallest_normal(dtype)
        return [ops.abs(w - one._nearest(w, dtype)) <= loose * scale for one in self.sets]

    def _outside(self, w, image):
        moved = super()._outside(w, image)
        if is_cone_and_norm(self.sets):
            return moved
        if not self.may_lack:
            inside = [ops.equal(one._outside(w, one._image(w)), 0) for one in self.sets]
            return ops.where(self._in_all(inside, w), 0.0, moved)
        wide, dtype = widened(image), dtype_of(w)
        return ops.where(self._holds(wide, wide, dtype), moved, self._furthest(widened(w), dtype))

    def _furthest(self, w, dtype):
        """What of `w` lies outside of that set which each unit is furthest from."""
        units = self._units(len(w.shape))
        moves = [w - one._nearest(w, dtype) for one in self.sets]
        peaks = [ops.max(ops.abs(move), axis=units, keepdims=True) for move in moves]
        furthest, peak = moves[0], peaks[0]
        for move, top in zip(moves[1:], peaks[1:], strict=True):
            furthest, peak = ops.where(top > peak, move, furthest), ops.maximum(peak, top)
        return furthest

    def _lacking(self, w):
        if not self.may_lack:
            return ""
        shape, peak, (line, gap) = tuple(w.shape), peak_of(w), furthest_set(self.sets, w)
        if peak < _NOTHING and not gap > _NOTHING:
            return "in all of its sets, but zero" if self._is_zero(shape) else ""
        if not gap > _GAP * peak:
            return ""
        # Sets that drift apart may leave zero, from where nothing is known of other places.
        if peak < _NOTHING and any(self._is_member(point) for point in random_pair(shape)):
            return ""
        why = reason(self.sets, shape)
        nearest = f"the nearest that was found is {gap:.3g} outside of one ({line})"
        return f"in all of its sets: {why or nearest}"

    def _is_zero(self, shape):
        """Whether zero is all that the sets have in common.

        Else a weight of theirs is nearer to a point than zero is, or to its opposite, unless it is
        at right angles to both, and one that was drawn at random is not.
        """
        return all(peak_of(self.project(point)) < _NOTHING for point in random_pair(shape))

    def _is_member(self, point):
        """Whether the projection of a point is in all sets."""
        w = self.project(point)
        return not furthest_set(self.sets, w)[1] > _GAP * peak_of(w)

    def _transform(self):
        return map_onto_all(self, *common_bounds(self.sets))

    def _fed(self, rank):
        return self._few.sparse._fed(rank) if self._few else super()._fed(rank)

    def _law(self, fan_in, fan_out, wanted):
        if self._few:
            return self._few.law(fan_in, fan_out, wanted)
        ends = common_bounds(self.sets)
        if not self._is_bounds() or any(isinstance(end, np.ndarray) for end in ends):
            return None
        return laws_of_bounds.bounded(*ends, fan_in, wanted)

    def _law_of(self, shape, axes, wanted, where=None):
        one = box_between(*common_bounds(self.sets)) if self._is_bounds() else None
        if one is None or not one._by_entry:
            return super()._law_of(shape, axes, wanted, where)
        return one._law_of(shape, axes, wanted, where)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        first = super() if self._is_bounds() or self._few else drawn_from(self.sets)
        return first._draw(shape, dtype, seed, wanted, axes)

    def describe(self):
        """The sets' lines, joined."""
        return " and ".join(one.describe() for one in self.sets)


def _by_dykstra(intersection, dtype, shape, w):
    steps = [lambda x, one=one: one._nearest(x, dtype) for one in intersection._ordered()]
    units = intersection._units(len(shape))
    return dykstra(w, steps, stop=intersection.accuracy / 100, axis=units)
