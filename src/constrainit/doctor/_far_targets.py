"""Targets so far from what a model gives that its steps never get there."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._far_points import ADDED, is_bounded
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
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

_MORE = 20.0
"""... and so many times as large a share as they take off that of the targets as they are."""

_BEYOND = 5.0
"""How many times as much as what the model can give the targets vary that are out of its reach."""

_UNLEARNT, _LEFT = 0.5, 0.25
"""The share of the loss with others' targets that is left at least, and at most of scaled ones."""

_FAR = 1e3


class FarTargets(NamedTuple):
    """Targets that the same model learns once they are scaled.

    Attributes:
        name: What the report calls them.
        low: The least of them.
        high: The largest.
        steps: How many steps were taken with either.
        given: The loss of examples that are not trained on, before and after.
        scaled: The same with scaled targets.
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
    reach: float | None = None
    spread: float = 0.0


def far_targets(problem: Problem, evidence: Evidence, start: Values) -> FarTargets | None:
    """The targets, where steps get nowhere near them on half of the batch, but to scaled ones.

    None where the loss falls, where weights or targets are not what is known of it, with a
    schedule, and of a model that has been trained before.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
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
        given, scaled = (_taught(one, start) for one in (problem, _of(problem)))
        gains = [(first - last) / max(abs(first), 1e-30) for first, last in (given, scaled)]
        if gains[1] > _GAIN and gains[1] > _MORE * gains[0]:
            target = far[0].target
            return FarTargets(target.name, target.low, target.high, _STEPS, given, scaled)
    return None


def out_of_reach(
    problem: Problem, constraints: Any, evidence: Evidence, start: Values
) -> FarTargets | None:
    """The targets, where bounded kernels keep what a model gives from varying as they do.

    As layers of Lipschitz constant one do for a target that is steeper. With each kernel as large
    as its constraint lets it be the outputs vary by a fifth of what the targets do at most; the
    steps learn little of which example has which target, and most of it where they are scaled.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    outputs, made = evidence.outputs_last, next(iter(evidence.losses_of), None)
    if evidence.trained or not outputs or made is None or len(evidence.losses_of) > 1:
        return None
    if not _is_free(made) or not can_be_halved(problem):
        return None
    spread = float(np.std(to_numpy(keras.tree.flatten(problem.y)[0]), axis=0).max())
    if not 0 < _BEYOND * outputs[-1].spread < spread:
        return None
    reach = outputs[-1].spread * _growth(constraints, evidence)
    if not _BEYOND * reach < spread:
        return None
    with tried(problem, "scaled targets are"):
        (given, unlearnt), (scaled, left) = (_learnt(one, start) for one in (problem, _of(problem)))
        if unlearnt > _UNLEARNT and left < _LEFT:
            low, high, name = made.target.low, made.target.high, made.target.name
            return FarTargets(name, low, high, _STEPS, given, scaled, reach, spread)
    return None


def _growth(constraints, evidence):
    """How many times as large kernels may become in their directions; infinite without bounds."""
    trained = [record for record in evidence.weights if record.variable.trainable]
    held = [r for r in trained if len(r.shape) > 1 or r.argument not in ADDED]
    if not held or not all(is_bounded(constraints, record) for record in held):
        return np.inf
    growth = 1.0
    for record in held:
        value = to_numpy(record.variable)
        image, size = constraints.image(record, _FAR * value), np.linalg.norm(value)
        if image is None or not size > 0:
            return np.inf
        growth *= float(np.linalg.norm(image) / size)
    return growth


def _learnt(problem, start):
    """The loss before and after steps, and what share that is of the loss with others' targets."""
    halves = Halves(problem, start)
    course = halves.loss(), halves.train(_STEPS)
    others = halves.of_others()
    sound = others is not None and others > 0 and np.isfinite([*course, others]).all()
    return course, course[1] / others if others and sound else np.nan


def _is_slow_itself(slow):
    """Whether a weight is: held back, hardly moved, or a number of the user's own in its units."""
    return slow is not None and bool(
        slow.clip or slow.moved < MOVED or is_custom(slow.record.layer)
    )


def is_far(made: Any) -> bool:
    """Whether an output without bounds is to give numbers of another size."""
    target = made.target
    return bool(_is_free(made) and abs(target.mean) + target.deviation > LARGE)


def _is_free(made):
    """Whether an output without bounds is to give finite numbers."""
    free = np.isinf([made.low, made.high]).all()
    return bool(free and made.goals and made.classes is None and not made.target.nonfinite)


def as_scaled(values: Any) -> Any:
    """Arrays of mean zero and deviation one in each column; whole numbers become floats."""

    def one(part):
        return ops.convert_to_tensor(standardized(part).astype("float32"))

    return keras.tree.map_structure(one, values)


def _of(problem):
    """The problem with scaled targets."""
    y = as_scaled(problem.y)
    given = problem.given_loss, problem.given_optimizer, problem.seed
    return Problem(problem.model, problem.x, y, *given, steps=1)


def _taught(problem, start):
    halves = Halves(problem, start)
    first = halves.loss()
    return first, halves.train(_STEPS)
