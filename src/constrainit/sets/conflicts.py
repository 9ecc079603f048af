"""Why sets have no weight in common, in numbers that a person can check."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from constrainit import _checks
from constrainit._folding import Folding
from constrainit.sets.elementwise import common_bounds, limits_of
from constrainit.sets.inequalities import as_sum
from constrainit.sets.l1 import L1Ball
from constrainit.sets.linear import Affine, Polyhedron
from constrainit.sets.norms import is_norm_set
from constrainit.sets.order import Monotone, Unimodal
from constrainit.sets.sums import Halfspace, is_shares, is_sum

_LOOSE = 1e-3
"""Sets of whole units are held to rounding: what they say of one entry, too, counts beyond it."""

_NUMBERS = 6
"""So many numbers of a row are shown."""


def check_common(sets: list[Any]) -> None:
    """Raises ValueError where two sets exclude one another whatever the shape of the weight."""
    low, high = bounds_together(sets)
    said = of_orders(sets) or _of_two_sums(sets) or _of_all_sums(sets, low, high)
    if said:
        raise _checks.fail("Intersection", "sets", "have a weight in common", sets, said)
    reaches = [(one, *reach) for one in sets if (reach := _reach(one)) is not None]
    for (one, low, _, loose), (other, _, high, looser) in itertools.permutations(reaches, 2):
        if low is None or high is None:
            continue
        low, high = np.broadcast_arrays(low, high)
        margin = _LOOSE * np.abs(high) if loose or looser else 0.0
        apart = np.argwhere(low > high + margin)
        # Of numbers, too, which have no index.
        if len(apart):
            at = tuple(apart[0].tolist())
            where = f" at {at}" if at else ""
            raise _checks.fail(
                "Intersection", "sets", "have a weight in common", sets,
                f"None{where} is both at least {low[at]:g} ({one.describe()}) and at most "
                f"{high[at]:g} ({other.describe()}).",
            )  # fmt: skip


def bounds_together(sets: list[Any]) -> tuple[Any, Any]:
    """As `common_bounds`, where a user has joined the sets.

    Raises:
        ValueError: They are arrays that do not broadcast to one another.
    """
    try:
        return common_bounds(sets)
    except ValueError:
        bounds = [b for b in map(limits_of, sets) if b]
        shapes = [np.shape(end) for pair in bounds for end in pair if np.ndim(end)]
        raise _checks.fail(
            "Intersection", "sets", "have bounds that broadcast to one weight", sets,
            f"Their shapes are {', '.join(map(str, shapes))}.",
        ) from None  # fmt: skip


def _reach(one):
    """The least and the largest entry of the weights of a set, and whether it is one of units."""
    if limits_of(one) is not None:
        return *one._bounds(), False
    if is_shares(one):
        return 0.0, one.total, True
    radius = _radius(one)
    return None if radius is None else (-radius, radius, True)


def _radius(one):
    """The largest norm of a unit, of either kind, where a set has one."""
    if is_norm_set(one):
        return one._range()[1]
    return one.radius if isinstance(one, L1Ball) else None


def reason(sets: list[Any], shape: tuple[int, ...]) -> str:
    """Which two rules exclude one another for weights of a shape; empty where it is not known."""
    low, high = common_bounds(sets)
    low = np.broadcast_to(-math.inf if low is None else low, shape)
    high = np.broadcast_to(math.inf if high is None else high, shape)
    said = of_orders(sets, len(shape))
    if said:
        return said
    for one in sets:
        units = tuple(a % len(shape) for a in one._units(len(shape)))
        if units:
            said = next(_of_unit(one, sets, units, low, high), "")
            if said:
                return said
    return ""


def _of_unit(one: Any, sets: list[Any], units: Any, low: Any, high: Any) -> Iterator[str]:
    count = math.prod(low.shape[axis] for axis in units)
    total, radius = as_sum(one, count), _radius(one)
    if total is not None and total.weights is None:
        least = float(np.maximum(low, total.lower).sum(axis=units).max())
        most = float(high.sum(axis=units).min())
        if least > total.total:
            yield _of_sum(count, "at least", low, least, total)
        if most < total.total and not total.or_less:
            yield _of_sum(count, "at most", high, most, total)
    folding = Folding(low.shape, sorted(units))
    yield from _of_rows(one, folding.array(low), folding.array(high))
    if radius is not None:
        size = "norm" if is_norm_set(one) else "sum of magnitudes"
        sums = [s for s in sets if set(s._units(low.ndim)) == set(one._units(low.ndim))]
        least = max(_least(one, units, low, high), *(_least_of_sum(one, s, count) for s in sums))
        if least > radius:
            yield (
                f"{count} weights that obey the others have a {size} of at least {least:g}, and it "
                f"may be {radius:g} at most"
            )
    if isinstance(one, Monotone) and one.gap:
        steps, room = one.gap * (count - 1), float(high.max() - low.min())
        if steps > room:
            yield (
                f"{count} weights that differ by at least {one.gap:g} each reach over {steps:g}, "
                f"and the bounds are {room:g} apart"
            )


def of_orders(sets: list[Any], rank: int | None = None) -> str:
    """Why sets that ask for opposite orders exclude one another; constants are in both."""
    orders = [one for one in sets if isinstance(one, Monotone)]
    for up, down in itertools.permutations(orders, 2):
        apart = up.axis - down.axis
        same = not (apart if rank is None else apart % rank)
        if up._sign > down._sign and same and up.gap + down.gap > 0:
            return (
                f"Along axis {up.axis} none rises by at least {up.gap:g} from each weight to the "
                f"next and falls by at least {down.gap:g} as well."
            )
    return ""


def rest(sets: list[Any], shape: tuple[int, ...]) -> str:
    """What sets leave that meet in nearly nothing, and what to write for that; else empty.

    They are not refused: what they have in common are weights, too.
    """
    courses = [(one, course) for one in sets if (course := _course(one, shape))]
    for (one, (axis, place, sign)), (other, at) in itertools.combinations(courses, 2):
        if at == (axis, place, -sign) and not getattr(one, "gap", 0) + getattr(other, "gap", 0):
            return (
                f"only weights that are all equal along axis {axis} are {one._phrase()} and "
                f"{other._phrase()} as well. Leave one of them out; for equal weights, of n "
                f"inputs, write Affine(np.diff(np.eye(n), axis=0), axis={axis})."
            )
    low, high = common_bounds(sets)
    if low is not None and high is not None and np.all(np.equal(low, high)):
        each = f"{float(low):g}" if np.ndim(low) == np.ndim(high) == 0 else "one number"
        return (
            f"the bounds leave {each} for each weight, and nothing to train. Give them room; for "
            "given values write Fixed(1, values)."
        )
    return ""


def _course(one, shape):
    """The axis of a set of orders, the place of its turn and its direction before that."""
    if not isinstance(one, Monotone | Unimodal) or getattr(one, "at", 0) is None:
        return None
    length = shape[one.axis]
    # What only goes one way has its turn at the end.
    place = length - 1 if isinstance(one, Monotone) else one._place(length)
    at_start = place == 0
    return one.axis % len(shape), length - 1 if at_start else place, one._sign * (1, -1)[at_start]


def _of_two_sums(sets):
    """Why two sets that ask for sums of the same units exclude one another."""
    sums = [(one, total) for one in sets if (total := as_sum(one, 1)) and _is_plain(one)]
    for (one, first), (other, second) in itertools.permutations(sums, 2):
        margin = _LOOSE * abs(second.total)
        if first.or_less or one.axis != other.axis or first.total == second.total:
            continue
        if not second.or_less or first.total > second.total + margin:
            return f"No sum is {_amount(first)} ({one.describe()}) and {_amount(second)}."
    return ""


def _is_plain(one):
    """Whether a set speaks of the sum of a unit's weights, without factors."""
    return is_sum(one) or (isinstance(one, Halfspace) and one.normal is None)


def _of_all_sums(sets, low, high):
    """Why bounds of all weights exclude a sum, of however many weights if it has no factors."""
    if np.ndim(low) or np.ndim(high):
        return ""
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    for one in sets:
        if _is_plain(one):
            # More weights go further in the same direction.
            ends = (low if low >= 0 else -math.inf, high if high <= 0 else math.inf)
            count = 1
        else:
            ends, rows = (low, high), _rows(one, 1)
            count = 1 if rows is None else rows[0].shape[1]
        said = next(_of_rows(one, *(np.full((count, 1), end) for end in ends)), "")
        if said:
            return f"{said[0].upper()}{said[1:]}."
    return ""


def _rows(one, entries):
    """`matrix @ w = values`, or at most that, of a set that asks for it, and whether it is at most.

    None of any other set.
    """
    total = as_sum(one, entries) if _is_plain(one) else None
    if total is not None:
        return np.ones((1, entries)), np.array([total.total]), total.or_less
    if isinstance(one, Halfspace):
        return np.asarray([one.normal]), np.array([one.bound]), True
    if not isinstance(one, Affine | Polyhedron):
        return None
    ends = one.values if isinstance(one, Affine) else one.bounds
    return one._matrix, np.broadcast_to(ends, len(one._matrix)), isinstance(one, Polyhedron)


def _of_rows(one: Any, low: Any, high: Any) -> Iterator[str]:
    """Of bounds that are matrices with a column for each unit, and the rows of a set."""
    rows = _rows(one, len(low))
    if rows is None:
        return
    for row, total in zip(*rows[:2], strict=True):
        used = row != 0
        ends = [row[used, None] * end[used] for end in (low, high)]
        least = float(np.minimum(*ends).sum(axis=0).max(initial=-math.inf))
        most = float(np.maximum(*ends).sum(axis=0).min(initial=math.inf))
        margin = _LOOSE * abs(total)
        what = "a sum" if _is_plain(one) else f"an inner product with {_shown(row)}"
        must = f"may be {total:g} at most" if rows[2] else f"has to be {total:g}"
        if least > total + margin:
            yield f"weights within the bounds have {what} of at least {least:g}, which {must}"
        if most < total - margin and not rows[2]:
            yield f"weights within the bounds have {what} of at most {most:g}, which {must}"


def _shown(row):
    first = ", ".join(f"{number:g}" for number in row[:_NUMBERS])
    return f"[{first}{', ...' if len(row) > _NUMBERS else ''}]"


def _amount(total):
    return f"{total.total:g}{' at most' if total.or_less else ''}"


def _of_sum(count, word, ends, reached, total):
    of_each = f" of {word} {ends.flat[0]:g}" if np.ptp(ends) == 0 else " within their bounds"
    must = "may be" if total.or_less else "has to be"
    limit = " at most" if total.or_less else ""
    return (
        f"{count} weights{of_each} have a sum of {word} {reached:g}, which {must} "
        f"{total.total:g}{limit}"
    )


def _least(one, units, low, high):
    """The least norm of units within bounds."""
    nearest = np.maximum(np.maximum(low, -high), 0.0)
    order = 2 if is_norm_set(one) else 1
    return float((nearest**order).sum(axis=units).max() ** (1 / order))


def _least_of_sum(one, other, count):
    """The least norm of weights of a sum."""
    total = as_sum(other, count)
    if total is None or total.weights is not None or total.or_less:
        return 0.0
    return abs(total.total) / (math.sqrt(count) if is_norm_set(one) else 1.0)
