"""Trainings of the borrowed model after a change, and whether they learn from their targets."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._at_length import losses_after
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor.treatments.starts import start_inside
from constrainit.model import WeightRecord, walk

_BLIND = 0.9
"""A loss of at least this share of that with targets of other examples tells nothing of them."""


@dataclass(frozen=True)
class Course:
    """How a training went.

    Attributes:
        losses: The loss before each step, and after the last one.
        shuffled: The last of them with the targets of other examples.
        spread: By how much what the model gives varies over the batch then.
    """

    losses: list[float]
    shuffled: float
    spread: float

    @property
    def is_blind(self) -> bool:
        """Whether the model tells nothing of its targets but what they all have."""
        return self.losses[-1] >= _BLIND * self.shuffled


def course_with(
    problem: Problem, evidence: Evidence, given: list[tuple[WeightRecord, Any]], steps: int
) -> Course | None:
    """A training with constraints whose weights start inside; None if it can not be, or breaks."""

    def begin():
        for record, constraint in given:
            record.variable.constraint = constraint
        start_inside(problem, evidence, {record.path for record, _ in given})

    return course(problem, begin, steps)


def course(problem: Problem, begin: Callable[[], Any], steps: int) -> Course | None:
    """A training behind a change of the model; None if it can not be, or breaks."""
    with borrowed(problem.model), problem.keeping_optimizer():
        try:
            begin()
            found = taken(problem, constraints_of(problem), steps)
        # What is the user's own, a constraint or a layer, may raise anything.
        except Exception:
            return None
    return found if is_finite(found) else None


def constraints_of(problem: Problem) -> Constraints:
    """The constraints of the borrowed model, taken from its weights to be applied by themselves."""
    constraints = Constraints(Evidence(weights=walk(problem.model)))
    for variable in problem.trainable:
        variable.constraint = None
    return constraints


def taken(problem: Problem, constraints: Constraints, steps: int) -> Course:
    """Some steps from where the model is, or as many as stay finite."""
    # What is compiled now gives the outputs, too, which the last step is asked for.
    stepped = problem.step()
    losses = [float(stepped.loss)]
    if math.isfinite(losses[0]):
        for loss in losses_after(problem, constraints, stepped, steps):
            losses.append(loss)
            if not math.isfinite(loss):
                break
    order = np.random.default_rng(0).permutation(len(keras.tree.flatten(problem.y)[0]))
    targets = keras.tree.map_structure(lambda y: ops.take(y, order, axis=0), problem.y)
    with attribute(problem, "y", targets):
        last = problem.step()
    spread = float(ops.convert_to_numpy(last.outputs[-1])[-1]) if last.outputs else math.nan
    return Course(losses, float(last.loss), spread)


def is_finite(found: Course) -> bool:
    """Whether a training has stayed finite."""
    return bool(np.isfinite([*found.losses, found.shuffled]).all())
