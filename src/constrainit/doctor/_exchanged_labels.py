"""Labels that a loss of the user's own takes the other way around."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._labels import is_own
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy

_STEPS = 100

_RARE = 0.1
"""The share of examples that each label has at least."""

_STAYS = 0.7
"""What is left of a loss that is hardly learnt, beside that with labels of other examples."""

_LEARNT = 0.2
"""What is left of one that is."""

_OTHERS = 3.0
"""How many times as large that is with labels of other examples, if they are told."""


@dataclass(frozen=True)
class ExchangedEvidence:
    """A loss that is learnt with labels of 1 and 0 exchanged only.

    Attributes:
        steps: How many steps were taken on half of the examples with either.
        losses: The loss of the others at the start and after these steps.
        exchanged: The same with the labels exchanged, and then with those of other examples.
    """

    steps: int
    losses: tuple[float, float]
    exchanged: tuple[float, float, float]


def exchanged(y: Any) -> Any:
    """Labels of 1 in place of 0, and of 0 in place of 1."""
    return keras.tree.map_structure(lambda part: 1 - part, y)


def exchanged_labels(
    problem: Problem, evidence: Evidence, start: Values
) -> ExchangedEvidence | None:
    """What is learnt with labels that are exchanged, where next to nothing is with those given.

    Asked of a single loss of the user's own and labels of 0 and 1, where the loss hardly falls.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    trained = evidence.trained or evidence.own is not None
    if trained or not can_be_halved(problem) or not _are_labels(problem.y):
        return None
    losses = [one for one in problem.losses() if one is not None]
    stays = bool(evidence.losses) and hardly_falls(evidence.losses)
    if len(losses) != 1 or not is_own(losses[0]) or not stays:
        return None
    with tried(problem, "exchanged labels are"):
        halves = Halves(problem, start)
        first, given, blind = halves.loss(), halves.train(_STEPS), halves.of_others()
        if blind is None or not given > _STAYS * min(first, blind) > 0:
            return None
        with attribute(problem, "y", exchanged(problem.y)):
            halves = Halves(problem, start)
            begin, other, mixed = halves.loss(), halves.train(_STEPS), halves.of_others()
        if mixed is not None and other < _LEARNT * min(begin, given) and mixed > _OTHERS * other:
            return ExchangedEvidence(_STEPS, (first, given), (begin, other, mixed))
    return None


def _are_labels(y):
    """Whether targets are one array of 0 and 1, both of which are frequent."""
    parts = keras.tree.flatten(y)
    if len(parts) != 1 or "bool" in keras.backend.standardize_dtype(parts[0].dtype):
        return False
    values = to_numpy(parts[0])
    return bool(np.isin(values, (0, 1)).all() and _RARE <= values.mean() <= 1 - _RARE)
