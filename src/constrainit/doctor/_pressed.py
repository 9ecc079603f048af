"""Weights that the steps press against the bound of their set: is what they go for beyond it?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._far_points import far_image
from constrainit.doctor._halves import Halves, Values, can_be_halved, held_by, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord
from constrainit.sets import Box

_IN_A_ROW = 5
"""So many last steps in a row must have been taken back at the bound."""

_FEWEST = 15
_FLAT = 0.9
"""A loss stalls that keeps at least so much of itself, over five steps or over twenty."""

_STEPS, _LONG = (80, 20), 400
_TIMES = (10.0, 100.0)
"""How many times as far away bounds are tried: the second where the weight is at the first, too."""

_LOWER, _MISSED = 1 / 3, 1 / 3
"""The share of the loss that is left, or of what is taken off it that the given bound misses."""

_FAR_LOWER = 0.9
"""The same of a weight that goes farther beyond its bound than it came to get there."""

_ROUNDING = 1e-5
_DRAWS, _MOST = 16, 3

Ends = tuple[float | None, float | None]
"""The bound below and above, None where there is none."""


class PressedEvidence(NamedTuple):
    """A weight at a bound of its set, with which the model trains where that is wider.

    Attributes:
        record: The weight.
        given: The bounds that its constraint keeps.
        wider: Those with which it trains.
        value: The least and largest entry after the steps with these.
        steps: How many steps were taken with either.
        losses: The loss of examples that are not trained on: before, and after these steps with the
            given bounds and with the wider ones.
    """

    record: WeightRecord
    given: Ends
    wider: Ends
    value: tuple[float, float]
    steps: int
    losses: tuple[float, float, float]


class _Asked(NamedTuple):
    record: WeightRecord
    ends: Ends
    sides: tuple[bool, bool]
    begun: np.ndarray

    def wider(self, times: float) -> Ends:
        pairs = zip(self.ends, self.sides, (-1, 1), strict=True)
        low, high = (_moved(end, side, times) if moves else end for end, moves, side in pairs)
        return low, high


def pressed(
    problem: Problem, constraints: Any, evidence: Evidence, start: Values
) -> list[PressedEvidence]:
    """The numbers and vectors that are held at a bound while the loss stalls far above what it is.

    That is the loss of examples that are not trained on, where the bound is ten or a hundred times
    as wide. A bound at zero is what a sign is meant by, and is left in place.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    losses, own = evidence.losses, evidence.own is not None and not evidence.own.as_usual
    if own or len(losses) <= _FEWEST or not 0 < losses[-1] < np.inf or not can_be_halved(problem):
        return []
    stalls, begun = _FLAT * losses[-6] < losses[-1], {id(v): value for v, value in start}
    asked = [
        one for made in evidence.constraints
        if (one := _asked(constraints, made, stalls, begun.get(id(made.record.variable)), losses))
    ]  # fmt: skip
    if not asked:
        return []
    with tried(problem, "wider bounds are"):
        given = _given(problem, start)
        asked = [one for one in asked if given is not None and _is_held(one)]
        if given is None or not asked:
            return []
        together = _with_wider(problem, start, asked, given)
        if not together or len(asked) == 1 or len(asked) > _MOST:
            return together
        alone = [_with_wider(problem, start, [one], given) for one in asked]
        return [one for found in alone for one in found] or together
    return []


def bounds_kept(image: Callable, record: WeightRecord) -> Ends | None:
    """The bounds of a constraint that does nothing but to clip each entry to them; else None.

    Args:
        image: What the constraint makes of a value.
        record: The weight.
    """
    ends = [far_image(image, np.full(record.shape, side)) for side in (-1.0, 1.0)]
    if any(end is not None and np.ptp(end) > 0 for end in ends):
        return None
    low, high = (None if end is None else float(end.flat[0]) for end in ends)
    size = 2 * max((abs(end) for end in (low, high) if end is not None), default=0.0)
    if not size:
        return None
    draws = np.random.default_rng(0)
    for _ in range(_DRAWS):
        draw = draws.uniform(-size, size, record.shape)
        found = image(draw)
        clipped = np.clip(draw, low, high)
        if found is None or not np.allclose(found, clipped, _ROUNDING, _ROUNDING * size):
            return None
    return low, high


def _asked(constraints, made, stalls, begun, losses):
    """A weight with entries at a bound that is not zero, or soon there, and pushed beyond it."""
    record, counts = made.record, made.pressed
    if counts is None or record not in constraints.records or begun is None:
        return None
    now, begun = to_numpy(record.variable), to_numpy(begun)
    sides = bool((counts <= -_IN_A_ROW).any()), bool((counts >= _IN_A_ROW).any())
    if not (stalls and any(sides)) and (now == begun).all():
        return None
    ends = bounds_kept(lambda value: constraints.image(record, value), record)
    if ends is None:
        return None
    if not (stalls and any(sides)):
        moved = (now - begun) * (_STEPS[0] / len(losses))
        pairs = zip((-1, 1), ends, strict=True)
        low, high = (end is not None and _arrives(now, moved, end, side) for side, end in pairs)
        sides = low, high
    sides = sides[0] and bool(ends[0]), sides[1] and bool(ends[1])
    return _Asked(record, ends, sides, begun) if any(sides) else None


def _arrives(now, moved, end, side):
    """Whether an entry is at a bound, or comes there in as many steps if it goes on as it did."""
    return bool(((side * moved > 0) & (side * (now + moved - end) >= 0)).any())


def _is_held(one):
    """Whether some entries are at the bounds that are asked."""
    value, pairs = to_numpy(one.record.variable), zip(one.ends, one.sides, strict=True)
    return any((value == np.float32(end)).any() for end, moves in pairs if moves)


def _is_beyond(one):
    """Whether an entry is beyond a bound that is asked."""
    value, pairs = to_numpy(one.record.variable), zip((-1, 1), one.ends, one.sides, strict=True)
    return any(bool((side * (value - end) > 0).any()) for side, end, asked in pairs if asked)


def _is_far_beyond(one, value):
    """Whether an entry goes farther beyond a bound than it was from there at the start."""
    pairs = zip((-1, 1), one.ends, one.sides, strict=True)
    ways = [side * (value - end) - side * (end - one.begun) for side, end, asked in pairs if asked]
    return any(bool((way > 0).any()) for way in ways)


def _moved(end, side, times):
    """A bound so many times as far away, of the same sign."""
    return float(f"{end * times if end * side > 0 else end / times:.0e}")


def _given(problem, start):
    """The loss before and after steps with the bounds as they are; None if it does not stall."""
    halves = Halves(problem, start)
    first, (before, last) = halves.loss(), map(halves.train, _STEPS)
    return (first, last) if 0 < _FLAT * before < last < np.inf else None


def _with_wider(problem, start, asked, given):
    """The weights, where the model trains with wider bounds for all of them; else none."""
    for times in _TIMES:
        wider = [one.wider(times) for one in asked]
        boxes = [Box(low, high) for low, high in wider]
        with held_by(zip([one.record for one in asked], boxes, strict=True)):
            halves, steps = Halves(problem, start), sum(_STEPS)
            losses = given[0], given[1], halves.train(steps)
            is_lower = losses[2] < _LOWER * losses[1] or misses(losses, _MISSED)
            goes_on = not is_lower and losses[2] < losses[1] and any(map(_is_beyond, asked))
            if goes_on:
                losses, steps = (given[0], given[1], halves.train(_LONG - steps)), _LONG
            values = [to_numpy(one.record.variable) for one in asked]
        if goes_on and any(map(_is_far_beyond, asked, values)):
            is_lower = losses[2] < _FAR_LOWER * losses[1]
            losses = given[0], Halves(problem, start).train(steps), losses[2]
            is_lower = is_lower and losses[2] < _FAR_LOWER * losses[1]
        at_end = any(map(_is_at, values, wider))
        if is_lower and (not at_end or times == _TIMES[-1]):
            return [
                PressedEvidence(one.record, one.ends, ends, _range(value), steps, losses)
                for one, ends, value in zip(asked, wider, values, strict=True)
            ]
        if not at_end:
            break
    return []


def _is_at(value, ends):
    return any((value == np.float32(end)).any() for end in ends if end)


def _range(value):
    return float(value.min()), float(value.max())
