"""Bounds far below the start of a weight: does the model train where they are wider?"""

from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._courses import course_with
from constrainit.doctor._evidence import ConstraintEvidence, Evidence, TightEvidence
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments.wider import bounding, wider

_SHRUNK = 0.1
"""A constraint that leaves each unit less than this share of its norm is asked."""

_FORGOTTEN = 0.5
"""The same of a recurrent kernel, by which a state is multiplied once for each step of a series."""

_STEPS = 100
_TRAINS = 0.3
"""The share of its loss that a model loses at least that trains."""

_TIMES = 5.0


def tight(problem: Problem, evidence: Evidence) -> list[TightEvidence]:
    """The weights whose bound keeps the model from training, from a start inside, too.

    The model is borrowed. A loss below zero, as that of a critic, grows with its weights: it tells
    nothing of a bound.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    sound = evidence.fault_step is None and not evidence.faults and not own
    if not sound or not problem.is_small or problem.given_y is None or problem.drawn:
        return []
    if min(evidence.losses, default=0.0) <= 0:
        return []
    asked = [made for made in evidence.constraints if _is_asked(made)]
    return [one for made in asked if (one := _compared(problem, evidence, made)) is not None]


def _is_asked(made: ConstraintEvidence) -> bool:
    """Whether a constraint scales all units of a start to a small share of their norms."""
    low, high = made.rescaled or (0.0, 0.0)
    sound = made.fault is None and made.record.variable.trainable
    most = _FORGOTTEN if made.record.argument == "recurrent" else _SHRUNK
    return sound and low > 0 and high < most


def _compared(problem, evidence, made):
    """What trains with a bound at the size of the start, and not with the one that is given."""
    record, factor = made.record, 1 / made.rescaled[0]
    name = bounding(record, factor)
    if name is None:
        return None
    value = arguments_of(record.constraint)[name]
    other = another(record.constraint, name, wider(value, factor))
    given, wide = (
        course_with(problem, evidence, [(record, constraint)], _STEPS)
        for constraint in (record.constraint, other)
    )
    if given is None or wide is None or min(given.losses) <= 0 or min(wide.losses) <= 0:
        return None
    falls = _fallen(wide.losses)
    if wide.is_blind or falls < max(_TRAINS, _TIMES * _fallen(given.losses)):
        return None
    ends, ends_wide = ((one.losses[0], one.losses[-1]) for one in (given, wide))
    return TightEvidence(record, factor, f"{name}={value:g}", ends, ends_wide, _STEPS)


def _fallen(losses):
    return (losses[0] - losses[-1]) / losses[0]
