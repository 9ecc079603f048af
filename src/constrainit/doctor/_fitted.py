"""A signal that fades: does the model train where it is brought back?"""

from constrainit._calibrate import calibrate
from constrainit.doctor._courses import Course, course
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._faint import FaintEvidence, fading
from constrainit.doctor._problem import Problem

_STEPS = 100
_TRAINS = 0.7
"""What is left at most of the loss of the start as it is, where another one trains."""

_NOTHING = 1e-3
"""A model whose output varies by less than this share of what it did gives a constant."""


def faint(problem: Problem, evidence: Evidence) -> FaintEvidence | None:
    """What is learnt in a hundred steps where a signal fades, and with biases and scales fitted.

    None where it does not fade, where the model learns from its targets in these steps, and where
    it would not from a fitted start either, unless its output has become constant. The model is
    borrowed. A loss below zero has no share that is left of it.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    if own or evidence.fault_step is not None or evidence.faults or not problem.is_small:
        return None
    if problem.given_y is None or problem.drawn or min(evidence.losses, default=0.0) <= 0:
        return None
    if not fading(evidence):
        return None
    given = course(problem, lambda: None, _STEPS)
    if given is None or not given.is_blind:
        return None
    fitted = course(problem, lambda: calibrate(problem.model, problem.x), _STEPS)
    if fitted is not None and (fitted.is_blind or fitted.losses[-1] > _TRAINS * given.losses[-1]):
        fitted = None
    if fitted is None and given.spread > _NOTHING * evidence.outputs[-1].spread:
        return None
    return FaintEvidence(_STEPS, _ends(given), given.spread, fitted and _ends(fitted))


def _ends(one: Course) -> tuple[float, float]:
    return one.losses[0], one.losses[-1]
