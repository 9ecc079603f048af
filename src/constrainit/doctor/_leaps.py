"""Constraints that leap: beside a member, from one to another that is farther away."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

_DIRECTIONS = 4
_REACH = 0.3
"""How far from the member is looked, relative to its norm."""

_POINTS = 9
_HALVINGS = 10
"""What a continuous map moves between two points is by then a thousandth of what it was."""

_HALVINGS_OF_ENTRIES = 14
"""On the longer ways on which all entries move by as much as the largest one is."""

_ASIDE = 0.01
"""How far beside a leap is looked, relative to the way that it was found on."""

_LEAST = 0.02
_FARTHER = 0.25
"""By how much squared distances from one point differ, in that of the members: not at all for the
nearest ones."""

_LARGEST, _HALF = 65_536, 0.5


def leap(image: Callable, record: Any, value: np.ndarray) -> float | None:
    """How far a constraint leaps on some way from its image of a weight, relative to its norm.

    A map to the nearest member leaps only where two of them are equally near. None where no other
    leap was found on a few ways, in directions drawn at random, and for weights of more than
    65,536 entries, which are not looked at. What gives each entry by itself is looked at farther
    away, up to the size of the largest entry: many may be zero, and a leap of one is far then.
    """
    member = image(record, value) if value.size <= _LARGEST else None
    if member is None or not member.any():
        return None
    size = float(np.linalg.norm(member))
    draws, peak = np.random.default_rng(0), float(np.abs(member).max())
    entries = is_by_entry(image, record, value)
    for far in (False, True) if entries else (False,):
        for _ in range(_DIRECTIONS):
            if far:
                way = peak * draws.uniform(-1.0, 1.0, size=member.shape)
            else:
                way = draws.normal(size=member.shape)
                way *= _REACH * size / np.linalg.norm(way)
            found = _on_the_way(
                lambda point: image(record, point.astype(member.dtype)),
                member,
                member + way,
                _LEAST * size,
                entries,
            )
            if found is not None:
                return found / size
    return None


def is_by_entry(image: Callable, record: Any, value: np.ndarray) -> bool:
    """Whether a constraint gives each entry by itself: others that move do not change it."""
    draws = np.random.default_rng(0)
    size = float(np.abs(value).max()) or 1.0
    for _ in range(_DIRECTIONS):
        one = (size * draws.normal(size=value.shape)).astype(value.dtype)
        moves = draws.random(value.shape) < _HALF
        other = np.where(moves, size * draws.normal(size=value.shape), one).astype(value.dtype)
        images = [image(record, given) for given in (one, other)]
        if images[0] is None or images[1] is None:
            return False
        if not np.array_equal(images[0][~moves], images[1][~moves]):
            return False
    return value.size > 1


def _on_the_way(image, start, end, least, entries):
    """The leap between neighbours among points on a line, if it leads to one farther away."""
    points = [start + share * (end - start) for share in np.linspace(0, 1, _POINTS)]
    images = [image(point) for point in points]
    if any(found is None for found in images):
        return None
    gaps = [_apart(*pair) for pair in itertools.pairwise(images)]
    place = int(np.argmax(gaps))
    low, high = ((points[i], images[i]) for i in (place, place + 1))
    widest = 2 * gaps[place]
    for _ in range(_HALVINGS_OF_ENTRIES if entries else _HALVINGS):
        if _apart(low[1], high[1]) < least:
            return None
        middle = (low[0] + high[0]) / 2
        found = image(middle)
        if found is None:
            return None
        if _apart(low[1], found) > _apart(found, high[1]):
            high = (middle, found)
        else:
            low = (middle, found)
    near, far = sorted((_apart(low[0], low[1]), _apart(low[0], high[1])))
    gap = _apart(low[1], high[1])
    # Beside a division by zero it grows without end, and is no leap.
    leaps = least <= gap <= widest and far**2 - near**2 > _FARTHER * gap**2
    if leaps and entries and _wraps(image, low, high, _ASIDE * (end - start), least):
        return None
    return gap if leaps else None


def _wraps(image, low, high, away, least):
    """Whether a leap is that of an angle, which is the same one a period farther on.

    Asked beside it: at the leap itself rounding decides on which side a point is.
    """
    period = high[1].astype("float64") - low[1]

    def returns(point):
        images = [image(point + side * period) for side in (0, 1, -1)]
        known = all(one is not None for one in images)
        return known and all(_apart(one, images[0]) < least for one in images[1:])

    return returns(low[0] - away) and returns(high[0] + away)


def _apart(one, other):
    return float(np.linalg.norm(one.astype("float64") - other))
