"""Weights that their average overwrites: does the model train where it does not?"""

from dataclasses import replace

import numpy as np

from constrainit.doctor._evidence import Evidence, OverwriteEvidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._problem import Problem

LITTLE = 0.2
"""Where more is left of a steady movement the average is no hindrance."""

_STEPS = 100
_MISSED = 1 / 3
"""The overwritten training misses so much where the average is to be at fault."""


def overwritten(problem: Problem, evidence: Evidence, start: Values) -> OverwriteEvidence | None:
    """What the average leaves of the steps, with the losses where it overwrites and does not.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    seen = evidence.overwrites
    if seen is None or not seen.left < LITTLE or evidence.own or not can_be_halved(problem):
        return seen
    with tried(problem, "steps that no average overwrites are"):
        own = inner_of(problem.optimizer)
        config = {**own.get_config(), "ema_overwrite_frequency": None}
        halves = Halves(problem, start)
        first, given = halves.loss(), halves.train(_STEPS)
        free = Halves(problem, start, type(own).from_config(config)).train(_STEPS)
        return replace(seen, steps=_STEPS, losses=(first, given, free))
    return seen


def holds_back(seen: OverwriteEvidence) -> bool:
    """Whether the loss falls well farther where the average does not overwrite the weights."""
    if seen.losses is None or not np.isfinite(seen.losses).all():
        return False
    return misses(seen.losses, _MISSED)
