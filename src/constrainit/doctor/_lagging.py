"""Constraints that go part of the way at each step, and how long that takes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from constrainit.doctor._evidence import LagEvidence
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_CALLS = 16
_EVEN = 0.05
"""By how much the shares of the way may differ that a constraint goes at its calls."""

_ALL = 0.99
"""What goes so much of the way at once, or takes so much off a weight in the end, is no lag."""

_WITHIN = 0.01
_LOOK = 20
"""As many steps a look takes: what is there by then is not late."""


def lag(image: Callable, known: Any, record: WeightRecord, taken: int) -> LagEvidence | None:
    """How a weight comes nearer to its set after the steps; None if not by a steady share.

    Args:
        image: What the constraint makes of a value, None if that is not finite.
        known: The set, or None for a constraint of the user's own, of which the way is measured.
        record: The weight.
        taken: How many steps there were.
    """
    value = to_numpy(record.variable)
    first = image(record, value)
    if first is None or not value.any():
        return None
    moved = float(np.linalg.norm(first - value))
    if known is None:
        rate = _steady_rate(image, record, first, moved)
        nearest = None if rate is None else value + (first - value) / rate
    else:
        nearest = to_numpy(known.project(record.value))
        way = float(np.linalg.norm(nearest - value))
        rate = moved / way if way else None
    if rate is None or nearest is None or not 0 < rate < _ALL:
        return None
    way, size = moved / rate, float(np.linalg.norm(nearest))
    if known is None and size < (1 - _ALL) * float(np.linalg.norm(value)):
        return None
    # In fewer steps than usual it has not had the time that it needs.
    way *= (1 - rate) ** max(_LOOK - taken, 0)
    norm = float(np.linalg.norm(value))
    if not way > _WITHIN * size > 0:
        return None
    steps = math.ceil(math.log(_WITHIN * size / way) / math.log1p(-rate))
    return LagEvidence(way / norm, rate, steps, max(taken, _LOOK))


def _steady_rate(image, record, first, moved):
    """The share of the way at each call, where what is left shrinks evenly; else None."""
    value, ways, before = first, [moved], first - to_numpy(record.variable)
    for _ in range(_CALLS):
        found = image(record, value)
        if found is None:
            return None
        ways.append(float(np.linalg.norm(found - value)))
        # What is thrown to and fro is on no way.
        if np.sum((found - value) * before) < 0:
            return None
        value, before = found, found - value
    half = _CALLS // 2
    if not ways[0] > ways[half] > ways[-1] > 0:
        return None
    early, late = (
        1 - (b / a) ** (1 / half) for a, b in ((ways[0], ways[half]), (ways[half], ways[-1]))
    )
    return early if abs(late - early) <= _EVEN * early else None
