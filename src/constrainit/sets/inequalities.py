"""Sets of linear equations and inequalities as such: one sum, or the rows of a matrix."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from constrainit._compile import repeated
from constrainit._folding import Folding
from constrainit.sets.elementwise import limits_of
from constrainit.sets.linear import Affine, Polyhedron
from constrainit.sets.order import Convex, Monotone, Unimodal
from constrainit.sets.sums import Halfspace, is_shares, is_sum

_MOST = 256
"""Inequalities of a unit beyond which as many matrices of that size would take too long."""

_SHORT = 4.0
"""A weight so many times as long as its image is not too long for the image to be exact."""

_LARGEST = 2**23
"""Entries of those matrices of all units, likewise."""


class Sum(NamedTuple):
    """`sum(weights * w) = total` for the weights `w` of a unit, none of them below `lower`."""

    weights: np.ndarray | None
    total: float
    or_less: bool = False
    lower: float = -math.inf


def as_sum(a_set: Any, entries: int) -> Sum | None:
    """A set that speaks of one sum, for units of so many weights; None for any other set."""
    if is_shares(a_set):
        return Sum(None, a_set.total, lower=0.0)
    if is_sum(a_set):
        return Sum(None, a_set.total)
    if isinstance(a_set, Halfspace):
        normal, bound = a_set._scaled(entries)
        return Sum(None if a_set.normal is None else normal, bound, or_less=True)
    if isinstance(a_set, Affine) and len(a_set._factor[0]) == 1:
        [row], foot, _ = a_set._factor
        return Sum(row, float(row @ foot))
    return None


@functools.lru_cache(maxsize=256)
def as_polyhedron(sets: tuple[Any, ...], shape: tuple[int, ...]) -> Polyhedron | None:
    """Sets of linear inequalities as one, for weights of a shape.

    None where one is of another kind or has bounds that differ between units, where there are very
    many inequalities, and where they leave no interior, as equations do.
    """
    axes = sorted({a % len(shape) for one in sets for a in one._units(len(shape))})
    folding = Folding(shape, axes)
    height, units = folding.size
    if height > _MOST:
        return None
    rows, ends = [], []
    for one in sets:
        if limits_of(one):
            part = _limits(one, folding, _ends(sets, shape, axes))
        else:
            part = _inequalities(one, sets, shape, axes)
        if part is None:
            return None
        rows.append(part[0])
        ends.append(part[1])
    matrix, bounds = np.concatenate(rows), np.concatenate(ends)
    if len(matrix) > _MOST or units * len(matrix) ** 2 > _LARGEST:
        return None
    try:
        found = Polyhedron(matrix, bounds, axes)
    # No weight obeys all.
    except ValueError:
        return None
    return found if found._inner is not None else None


def onto_polyhedron(one: Polyhedron, w: Any, dtype: str) -> Any:
    """The projection, once more for units whose image lost digits beside larger weights.

    As to an entry of 1e20, or where next to nothing is left of a weight.
    """
    units = one._units(len(w.shape))

    def peaks(x):
        return ops.max(ops.abs(x), axis=units, keepdims=True)

    def open_(x, exact):
        return ops.logical_not(ops.all(exact))

    def nearest(x, exact):
        image = one._nearest(x, dtype)
        return ops.where(exact, x, image), peaks(x) <= _SHORT * peaks(image)

    # Compiled once for both.
    none = ops.zeros_like(peaks(w), dtype="bool")
    return repeated(open_, nearest, (w, none), 2)[0]


def _limits(one, folding, extremes):
    """The bounds of a set of bounds, if they are the same for all units."""
    eye, rows, ends = np.eye(folding.size[0]), [], []
    for sign, end, places in zip((-1.0, 1.0), limits_of(one) or (), extremes, strict=True):
        if end is None:
            continue
        each = folding.array(end)
        if (each != each[:, :1]).any():
            return None
        known = np.isfinite(each[:, 0])
        if places and np.ptp(each[:, 0]) == 0:
            known = np.isin(np.arange(len(known)), places)
        rows.append(sign * eye[known])
        ends.append(sign * each[known, 0])
    return np.concatenate(rows), np.concatenate(ends)


def _ends(sets, shape, axes):
    """Where the least and the largest weight of a unit can be, by its order; empty for anywhere."""
    least, largest = [], []
    if len(axes) != 1:
        return least, largest
    first, last = 0, shape[axes[0]] - 1
    for one in sets:
        if isinstance(one, Convex):
            (largest if one._sign > 0 else least)[:] = [first, last]
    # An order says more than a bend, whichever stands first.
    for one in sets:
        if isinstance(one, Monotone):
            least[:], largest[:] = ([first], [last]) if one._sign > 0 else ([last], [first])
    return least, largest


def _inequalities(one, sets, shape, axes):
    """What a set says of its own units, said of each of them that is in a unit of the axes."""
    own = sorted(a % len(shape) for a in one._units(len(shape)))
    within = Folding([shape[a] for a in axes], [axes.index(a) for a in own])
    found = _of_unit(one, within.size[0])
    if found is None:
        return None
    matrix, bounds = found
    if isinstance(one, Monotone):
        needed = _least(one, sets, len(shape))
        matrix, bounds = matrix[needed], bounds[needed]
    height, count = within.size
    places = within.array(np.arange(height * count).reshape([shape[a] for a in axes]))
    rows = np.zeros((count, len(matrix), height * count))
    for part, place in zip(rows, places.T, strict=True):
        part[:, place] = matrix
    return rows.reshape(-1, height * count), np.tile(bounds, count)


def _least(order, sets, rank):
    """Those steps of an order from which the others follow: the least one of a bent sequence."""
    bent = [one for one in sets if isinstance(one, Convex) and not (one.axis - order.axis) % rank]
    if not bent:
        return slice(None)
    return slice(1) if bent[0]._sign == order._sign else slice(-1, None)


def _of_unit(one, entries):
    """`matrix @ w <= bounds` for a unit of so many weights; None for a set of another kind."""
    if isinstance(one, Polyhedron):
        return one._exact
    if isinstance(one, Monotone | Unimodal | Convex):
        return _of_order(one, entries)
    found = as_sum(one, entries)
    if found is None or not found.or_less:
        return None
    row = np.ones(entries) if found.weights is None else found.weights
    return row[None], np.array([found.total])


def _of_order(one, entries):
    steps = np.diff(np.eye(entries), axis=0)
    if isinstance(one, Convex):
        bends = np.diff(steps, axis=0)
        return -one._sign * bends, np.zeros(len(bends))
    if isinstance(one, Monotone):
        return -one._sign * steps, np.full(len(steps), -one.gap)
    if not one.convex:
        return None
    rises = np.arange(len(steps)) < one._place(entries)
    return one._sign * np.where(rises, -1.0, 1.0)[:, None] * steps, np.zeros(len(steps))
