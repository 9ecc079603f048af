"""Steps as long as the whole set of a weight is wide: does it train with shorter ones?"""

from typing import Any, NamedTuple

import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._far_points import far_image
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._schedules import schedule_of
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_WIDE = 0.5
"""Steps of more than this share of the width leave a weight at one bound or the other."""

_SMALL = 0.01
"""The share of it that a step should go."""

_ROUNDING = 1e-2
"""By how much of the largest one an entry may be beyond a bound."""

_STEPS = 100
_MISSED = 1 / 3
"""The share of what shorter steps take off the loss that the own ones miss."""


class WideSteps(NamedTuple):
    """A weight whose steps are as long as its set is wide.

    Attributes:
        record: The weight.
        stride: How far a step moves an entry.
        low: The bound below, of an entry of the usual width.
        high: The bound above.
        rate: The learning rate.
        lower: One with which a step goes a hundredth of the width.
        steps: How many steps were taken with each.
        losses: The loss at the start, and after the steps with either.
    """

    record: WeightRecord
    stride: float
    low: float
    high: float
    rate: float
    lower: float
    steps: int
    losses: tuple[float, float, float]


def wide_steps(
    problem: Problem, constraints: Any, evidence: Evidence, start: Values
) -> WideSteps | None:
    """The weight that steps throw across its set, where shorter steps train.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    rate = evidence.rate
    if not rate or schedule_of(problem.optimizer) is not None or not can_be_halved(problem):
        return None
    found = []
    for made in evidence.gradients:
        ends = _ends(constraints, made.record) if np.isfinite(made.stride) else None
        if ends is not None and made.stride > _WIDE * (ends[1] - ends[0]) > 0:
            found.append((made.stride / (ends[1] - ends[0]), made, *ends))
    if not found:
        return None
    share, made, low, high = max(found, key=lambda one: one[0])
    lower = float(f"{rate * _SMALL / share:.1g}")
    with tried(problem, "steps that are shorter than a set is wide are"):
        halves = Halves(problem, start)
        first, given = halves.loss(), halves.train(_STEPS)
        halves.begin()
        losses = first, given, halves.train(_STEPS, [lower] * _STEPS)
        if misses(losses, _MISSED):
            return WideSteps(made.record, made.stride, low, high, rate, lower, _STEPS, losses)
    return None


def _ends(constraints, record):
    """The bounds of an entry of the usual width, where what is far outside is taken to them.

    None where an entry of the set is beyond them: what is alike all over tells nothing of the width
    of a set of matrices.
    """
    if record not in constraints.records:
        return None
    value = to_numpy(record.variable)
    size = max(float(np.abs(value).max(initial=0.0)), 1.0)
    far = np.full(record.shape, size)
    sides = [far_image(lambda v: constraints.image(record, v), w) for w in (-far, value, far)]
    if any(side is None or not side.size for side in sides):
        return None
    low, inside, high = (side.ravel() for side in sides)
    beyond = np.maximum(low - inside, inside - high).max()
    if beyond > _ROUNDING * np.abs(inside).max():
        return None
    place = np.argsort(high - low)[low.size // 2]
    return float(low[place]), float(high[place])
