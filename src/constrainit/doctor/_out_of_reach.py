"""Targets that vary more than bounded kernels let a model do."""

from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._far_points import ADDED, is_bounded
from constrainit.doctor._far_targets import FarTargets, is_free, with_scaled_targets
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy

_STEPS = 100

_BEYOND = 5.0
"""How many times as much as what the model can give the targets vary that are out of its reach."""

_UNLEARNT, _LEFT = 0.5, 0.25
"""The share of the loss with others' targets that is left at least, and at most of scaled ones."""

_FAR = 1e3


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
    if not is_free(made) or not can_be_halved(problem):
        return None
    spread = float(np.std(to_numpy(keras.tree.flatten(problem.y)[0]), axis=0).max())
    if not 0 < _BEYOND * outputs[-1].spread < spread:
        return None
    reach = outputs[-1].spread * _growth(constraints, evidence)
    if not _BEYOND * reach < spread:
        return None
    with tried(problem, "scaled targets are"):
        (given, unlearnt), (scaled, left) = (
            _learnt(one, start) for one in (problem, with_scaled_targets(problem))
        )
        if unlearnt > _UNLEARNT and left < _LEFT:
            low, high, name = made.target.low, made.target.high, made.target.name
            return FarTargets(name, low, high, _STEPS, given, scaled, reach=reach, spread=spread)
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
