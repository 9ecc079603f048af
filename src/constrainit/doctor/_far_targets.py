"""Targets so far from what a model gives that its steps never get there."""

import itertools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._labels import is_own
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._schedules import schedule_of
from constrainit.doctor._slow import MOVED
from constrainit.doctor._statistics import standardized, to_numpy

LARGE = 10.0
"""Targets of a smaller mean and deviation are about as large as what layers give."""

_STILL = 0.01
_FEWEST = 15
_STEPS = 100
_GAIN = 0.2
"""Scaled targets are of use where the steps take so much off their loss, ..."""

_FAR_OFF = 50.0
"""A loss that falls to so small a share within a look began far from where it is to go."""

_LEFT = 0.5
"""What is left of it in the end, and is not with targets in other units."""

_MOST_UNITS, _LOOKS = 4, 10

_MORE = 20.0
"""... and so many times as large a share as they take off that of the targets as they are."""


class FarTargets(NamedTuple):
    """Targets that the same model learns once they are scaled.

    Attributes:
        name: What the report calls them.
        low: The least of them.
        high: The largest.
        steps: How many steps were taken with either.
        given: The loss of examples that are not trained on, before and after.
        scaled: The same with scaled targets; with divided ones, in the units of the given ones.
        divisor: What they are divided by, as a loss may need them above zero; 0 if they are scaled.
        reach: By how much what the model gives varies at most, where its kernels are all bounded
            and that is the cause; else None.
        spread: By how much the targets vary.
    """

    name: str
    low: float
    high: float
    steps: int
    given: tuple[float, float]
    scaled: tuple[float, float]
    divisor: float = 0.0
    reach: float | None = None
    spread: float = 0.0


class Divided(NamedTuple):
    """Targets that are never below zero, divided by their mean.

    Attributes:
        y: The targets.
        divisor: What they are divided by.
        columns: The columns that are; what is 0 or 1 tells which of the others are known.
        every: Whether all are.
    """

    y: Any
    divisor: float
    columns: list[int]
    every: bool


def divided(y: Any) -> Divided | None:
    """Targets in one array of floats, divided; None where some are negative, or all small."""
    parts = keras.tree.flatten(y)
    if len(parts) != 1 or "float" not in keras.backend.standardize_dtype(parts[0].dtype):
        return None
    value = to_numpy(parts[0])
    if not value.size or not np.isfinite(value).all():
        return None
    columns = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else value[:, None]
    large = [c for c in range(columns.shape[1]) if not np.isin(columns[:, c], (0, 1)).all()]
    size = float(f"{columns[:, large].mean():.3g}") if large else 0.0
    if size <= LARGE or columns[:, large].min() < 0:
        return None
    divisors = np.ones(columns.shape[1])
    divisors[large] = size
    changed = ops.cast((columns / divisors).reshape(value.shape), parts[0].dtype)
    every = len(large) == len(divisors)
    return Divided(keras.tree.pack_sequence_as(y, [changed]), size, large, every)


def far_targets(problem: Problem, evidence: Evidence, start: Values) -> FarTargets | None:
    """The targets, where steps get nowhere near them on half of the batch, but to scaled ones.

    None where the loss falls, where weights or targets are not what is known of it, with a
    schedule, and of a model that has been trained before.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    begun = _begun_far_off(problem, evidence, start)
    if begun is not None:
        return begun
    losses, far = evidence.losses, [made for made in evidence.losses_of if is_far(made)]
    if _is_slow_itself(evidence.slow) or evidence.trained or len(losses) <= _FEWEST or not far:
        return None
    if len(far) < len(evidence.losses_of) or not all(np.isfinite(losses)):
        return None
    if not 0 <= losses[0] * (1 - _STILL) <= losses[-1] or not can_be_halved(problem):
        return None
    if schedule_of(problem.optimizer) is not None:
        return None
    with tried(problem, "scaled targets are"):
        given, scaled = (_taught(one, start) for one in (problem, with_scaled_targets(problem)))
        gains = [(first - last) / max(abs(first), 1e-30) for first, last in (given, scaled)]
        if gains[1] > _GAIN and gains[1] > _MORE * gains[0]:
            target = far[0].target
            return FarTargets(target.name, target.low, target.high, _STEPS, given, scaled)
    return None


def _begun_far_off(problem, evidence, start):
    """Targets of a loss of the user's own that begins so far off that steps only come nearer.

    Both trainings are judged in the units of the given targets: what was learnt of divided ones is
    multiplied again, in those units of the last layer in which that gives the least loss.
    """
    losses = evidence.losses
    if evidence.trained or len(losses) <= _FEWEST or not np.isfinite(losses).all():
        return None
    if not losses[0] > _FAR_OFF * abs(losses[-1]) or not can_be_halved(problem):
        return None
    own = problem.losses()
    if len(own) != 1 or not is_own(own[0]) or schedule_of(problem.optimizer) is not None:
        return None
    made = divided(problem.y)
    target = evidence.losses_of[0].target if evidence.losses_of else None
    shape = getattr(problem.specs, "shape", ())
    if made is None or target is None or len(shape) != 2 or not shape[-1] <= _MOST_UNITS:
        return None
    with tried(problem, "targets in other units are"):
        one = np.ones(shape[-1], "float32")
        given = _at_best(Halves(problem, start), problem.y, [one])
        ways = [np.array(way, "float32") for way in _factors(shape[-1], made.divisor)]
        in_units = _at_best(Halves(_with(problem, made.y), start), problem.y, ways)
        if given[1] - in_units[1] > _LEFT * abs(given[1]):
            ends = target.low, target.high
            return FarTargets(target.name, *ends, _STEPS, given, in_units, made.divisor)
    return None


def _at_best(halves, y, ways):
    """The loss before the steps, and the least on their way: few examples are soon known by heart.

    Each in the units of `y`, by the one of `ways` in which it is least.
    """
    courses = [[halves.loss_in_units(y, one)] for one in ways]
    for _ in range(_STEPS // _LOOKS):
        halves.train(_LOOKS)
        for course, one in zip(courses, ways, strict=True):
            course.append(halves.loss_in_units(y, one))
    known = [course for course in courses if np.isfinite(course).any()] or courses
    best = min(known, key=lambda course: np.nanmin(course))
    return best[0], float(np.nanmin(best))


def _factors(units, divisor):
    """For each choice of units, the divisor for those and one for the others."""
    return list(itertools.product((1.0, divisor), repeat=units))[1:]


def _is_slow_itself(slow):
    """Whether a weight is: held back, hardly moved, or a number of the user's own in its units."""
    return slow is not None and bool(
        slow.clip or slow.moved < MOVED or is_custom(slow.record.layer)
    )


def is_far(made: Any) -> bool:
    """Whether an output without bounds is to give numbers of another size."""
    target = made.target
    return bool(is_free(made) and abs(target.mean) + target.deviation > LARGE)


def is_free(made: Any) -> bool:
    """Whether an output without bounds is to give finite numbers."""
    free = np.isinf([made.low, made.high]).all()
    return bool(free and made.goals and made.classes is None and not made.target.nonfinite)


def as_scaled(values: Any) -> Any:
    """Arrays of mean zero and deviation one in each column; whole numbers become floats."""

    def one(part):
        return ops.convert_to_tensor(standardized(part).astype("float32"))

    return keras.tree.map_structure(one, values)


def with_scaled_targets(problem):
    """The problem with scaled targets."""
    return _with(problem, as_scaled(problem.y))


def _with(problem, y):
    """The problem with other targets."""
    given = problem.given_loss, problem.given_optimizer, problem.seed
    return Problem(problem.model, problem.x, y, *given, steps=1)


def _taught(problem, start):
    halves = Halves(problem, start)
    first = halves.loss()
    return first, halves.train(_STEPS)
