"""Why sets have no weight in common, in numbers that a person can check."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from constrainit import _checks
from constrainit.sets.elementwise import common_bounds, limits_of
from constrainit.sets.inequalities import as_sum
from constrainit.sets.l1 import L1Ball
from constrainit.sets.norms import is_norm_set
from constrainit.sets.order import Monotone
from constrainit.sets.sums import is_shares

_LOOSE = 1e-3
"""Sets of whole units are held to rounding: what they say of one entry, too, counts beyond it."""


def check_common(sets: list[Any]) -> None:
    """Raises ValueError where two sets exclude one another whatever the shape of the weight."""
    bounds_together(sets)
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
