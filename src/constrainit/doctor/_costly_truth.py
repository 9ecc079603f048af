"""Losses of the user's own that cost most where predictions are the targets."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._labels import is_own, loss_of_guess
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._turned import function_of, name_of

_AWAY = (0.1, 0.3)
"""By what share of the way to the targets of another example predictions are moved."""

_SURE = 1e-4
"""By how much less, of what the truth costs more than another, predictions cost there at least."""
_STEPS = 100
_NEAR, _NEARER = 0.3, 0.5
"""The correlation of predictions with targets that is learnt, and by how much it is above that."""


@dataclass(frozen=True)
class CostlyTruthEvidence:
    """A loss that is largest where predictions are the targets.

    Attributes:
        name: What it is called.
        losses: Its mean for predictions that are the targets, those of other examples, and the
            targets with their signs turned.
        steps: How many steps were taken on half of the examples.
        correlations: Those of predictions with targets, of the others, after these steps and after
            as many with the loss the other way up.
    """

    name: str
    losses: tuple[float, float, float]
    steps: int
    correlations: tuple[float, float]


def costly_truth(problem: Problem, evidence: Evidence, start: Values) -> CostlyTruthEvidence | None:
    """A loss whose worst is the truth, and that leads to it the other way up.

    Asked of a single loss of the user's own and targets that are no labels of 0 and 1, which have
    the shape of the predictions. It costs less wherever predictions move off the targets, to
    either side, so that it is no distance, nor any convex function of predictions; still less at
    those of other examples, and least of these at the opposite of the targets.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    losses, parts = problem.losses(), keras.tree.flatten(problem.y)
    trained = evidence.trained or evidence.own is not None or evidence.endless is not None
    if len(losses) != 1 or losses[0] is None or not is_own(losses[0]) or len(parts) != 1:
        return None
    loss, y = losses[0], parts[0]
    if trained or not can_be_halved(problem) or not _are_numbers(problem, y):
        return None
    costs = _at_the_truth(loss, y)
    if costs is None:
        return None
    with tried(problem, "the loss the other way up is"):
        halves = Halves(problem, start)
        halves.train(_STEPS)
        given = halves.correlation()
        with attribute(problem, "given_loss", the_other_way_up(loss, costs[0])):
            halves = Halves(problem, start)
            halves.train(_STEPS)
            other = halves.correlation()
        if other > max(_NEAR, given + _NEARER):
            return CostlyTruthEvidence(name_of(loss), costs, _STEPS, (given, other))
    return None


def the_other_way_up(loss: Any, most: float) -> Any:
    """A loss that is what another one lacks to its value at the truth."""
    function = function_of(loss)

    def turned(y_true, y_pred):
        return most - function(y_true, y_pred)

    return turned


def _are_numbers(problem, y):
    """Whether targets are floats, no labels, and of the shape of what is predicted."""
    outputs = keras.tree.flatten(problem.specs)
    values = to_numpy(y)
    fits = len(outputs) == 1 and tuple(outputs[0].shape) == values.shape
    return fits and values.dtype.kind == "f" and len(np.unique(values)) > 2


def _at_the_truth(loss, y):
    """The losses of the truth, of that of others and of its opposite, if that is their order."""
    goal = to_numpy(y).astype("float64")
    others = [np.roll(goal, shift, axis=0) for shift in (1, len(goal) // 2)]
    truth, opposite = loss_of_guess(loss, y, goal), loss_of_guess(loss, y, -goal)
    blind = max(loss_of_guess(loss, y, other) for other in others)
    if not np.isfinite([truth, opposite, blind]).all() or not truth > blind > opposite:
        return None
    near = [
        loss_of_guess(loss, y, goal + way * share * (other - goal))
        for other in others for share in _AWAY for way in (-1.0, 1.0)
    ]  # fmt: skip
    sure = _SURE * (truth - blind)
    return (truth, blind, opposite) if all(truth > one + sure for one in near) else None
