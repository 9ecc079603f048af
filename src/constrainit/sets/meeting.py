"""Which sets have a smooth map onto what they have in common, and which map that is."""

import functools
import math
from typing import Any

import ml_dtypes
import numpy as np

from constrainit._precision import STORAGE_DTYPES, inward, nearest
from constrainit.sets.definite import Symmetric
from constrainit.sets.elementwise import Box, NonNegative, limits_of
from constrainit.sets.l1 import GroupL1Ball, L1Ball
from constrainit.sets.norms import is_norm_set
from constrainit.sets.order import Monotone, order_and_bend
from constrainit.sets.structured import Circulant, Toeplitz
from constrainit.sets.sums import Simplex, is_shares, is_sum
from constrainit.transforms import (
    BentOrder,
    BoundedOrder,
    Capped,
    Chained,
    ChainedTies,
    Floored,
    Transform,
)

_TIED = (Symmetric, Toeplitz, Circulant)


def map_onto_all(common: Any, lower: Any, upper: Any) -> Transform | None:
    """The smooth map onto an intersection, None where there is none.

    Args:
        common: The intersection.
        lower: The largest of the lower bounds of its sets, if any has one.
        upper: The least of the upper ones. Either is an array where bounds are.
    """
    others = [one for one in common.sets if limits_of(one) is None]
    bounded = len(others) < len(common.sets)
    within = box_between(lower, upper)
    if bounded and within is None:
        return None
    if len(others) == 2 and not (within is not None and within._by_entry):
        return _bent_order(common, others[0], others[1], lower, upper)
    if len(others) > 1 or within is None:
        return None
    if not others:
        return _onto(within)
    if within._by_entry:
        return None
    [other] = others
    signs = [one for one in common.sets if one is not other]
    if _scales(other) and all(isinstance(one, NonNegative) for one in signs):
        # A norm is brought about by a positive factor for each unit, which keeps the signs.
        return Chained(common, _onto(NonNegative()), _onto(other))
    if isinstance(other, _TIED):
        return ChainedTies(common, _onto(other), _onto(Box(lower, upper)))
    if isinstance(other, Monotone):
        return _order_in_bounds(common, other, lower, upper)
    return _sum_in_bounds(common, other, lower, upper) if is_sum(other) else None


def drawn_from(sets: list[Any]) -> Any:
    """The set whose law the start is drawn from, before it is projected onto all.

    The first one, but for an order: of weights that are in none little is left but their mean.
    """
    return next((one for one in sets if isinstance(one, Monotone)), sets[0])


def box_between(lower: Any, upper: Any) -> Box | None:
    """The weights between two bounds; None where there is no room between them, or no bound."""
    if lower is None and upper is None:
        return None
    tight = lower is not None and upper is not None and np.any(np.greater_equal(lower, upper))
    return None if tight else Box(lower, upper)


def _onto(a_set) -> Transform:
    """The map of a set that has one."""
    made = a_set._transform()
    assert made is not None
    return made


def _scales(a_set):
    return is_norm_set(a_set) or isinstance(a_set, L1Ball | GroupL1Ball)


def _order_in_bounds(common, order, lower, upper):
    free = Monotone(order.direction, 0.0, order.axis)

    @functools.cache
    def within(length):
        return _onto(Box(lower, _less_gaps(order, length, lower, upper)))

    stored = functools.partial(_stored, lower, upper)
    return BoundedOrder(common, order, _onto(free), within, stored)


def _less_gaps(order, length, lower, upper):
    """The upper bound of the lowest of so many weights, where it has one."""
    taken = order.gap * (length - 1)
    if lower is not None and upper is not None and not lower < upper - taken:
        raise ValueError(
            f"`gap` of `Monotone` must leave room between the bounds {lower:g} and {upper:g}. "
            f"Received: gap={order.gap:g} for {length} weights along axis {order.axis}."
        )
    return None if upper is None else upper - taken


def _stored(lower, upper, dtype):
    """Bounds as a dtype stores them."""
    return (
        None if lower is None else inward(lower, dtype, +1),
        None if upper is None else inward(upper, dtype, -1),
    )


def _bent_order(common, one, other, lower, upper):
    """The map onto weights in order that bend, where these are the two sets."""
    pair = order_and_bend([one, other])
    if pair is None:
        return None
    order, bend = pair

    def stored(dtype, length):
        low, high = _stored(lower, upper, dtype)
        _less_gaps(order, length, low, high)
        return low, high

    within = box_between(lower, upper)
    return BentOrder(common, order, bend, within and _onto(within), stored)


def _sum_in_bounds(common, sums, lower, upper):
    if is_shares(sums):
        lower = max(lower or 0.0, 0.0)
        if upper is None or _caps_nothing(upper, sums.total):
            return Floored(common, functools.partial(_above_floor, sums, lower))
    within = box_between(lower, upper)
    if within is None or lower is None or upper is None or not math.isfinite(upper - lower):
        return None
    return Capped(common, sums, _onto(sums), functools.partial(_ends, sums, within))


def _caps_nothing(upper, total):
    """Whether no share of the total is above the bound, however both are rounded when stored."""
    return all(inward(upper, dtype, -1) >= nearest(total, dtype) for dtype in STORAGE_DTYPES)


def _ends(sums, within, shape, dtype):
    """The bounds as they are stored, which leave weights of the total some room."""
    low, high = within._stored_bounds(dtype)
    count = math.prod(shape[a] for a in sums._units(len(shape)))
    if not count * low < sums.total < count * high:
        raise ValueError(_no_room(sums, within, count, dtype, low, high))
    return low, high


def _no_room(sums, within, count, dtype, low, high):
    """Why weights within bounds have nothing to choose, or can not have their sum."""
    above = sums.total >= count * high
    name, given, stored = ("upper", within.upper, high) if above else ("lower", within.lower, low)
    even, loose = sums.total / count, 2 * float(ml_dtypes.finfo(dtype).eps)
    only = (
        f"every weight could only be {even:g}, with nothing left to train"
        if math.isclose(even, stored, rel_tol=loose, abs_tol=loose)
        else f"no weights have the sum {sums.total:g}"
    )
    as_stored = "" if f"{stored:g}" == f"{given:g}" else f" ({stored:g} in {dtype})"
    return (
        f"`{name}` must leave weights of the sum {sums.total:g} some room: of {count} weights it "
        f"has to be {'above' if above else 'below'} {even:g}. Received: {name}={given:g}"
        f"{as_stored}, where {only}."
    )


def _above_floor(shares, lower, shape, dtype):
    """The floor as it is stored, and the map onto what is left above it."""
    units = shares._units(len(shape))
    count = math.prod(shape[a] for a in units)
    floor = inward(lower, dtype, +1)
    left = shares.total - count * floor
    if not left > 0:
        raise ValueError(_no_room(shares, Box(lower), count, dtype, floor, math.inf))
    return floor, _onto(Simplex(left, list(units) or None))
