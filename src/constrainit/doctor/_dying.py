"""Units that die while a model trains: how far does the loss fall with those that are left?"""

from constrainit.doctor._courses import course
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._problem import Problem
from constrainit.doctor.rules.cw403_dead_start import BY_CHANCE, HALF, LEFT

_STEPS = 200

_TELLS = 0.75
"""What few units are to leave of the loss with targets of other examples."""


def outlived(problem: Problem, evidence: Evidence) -> float | None:
    """What is left of the loss after two hundred steps in which units die.

    Asked where half of a layer or somewhat more is dead after the steps that were looked at and of
    none at the start, and the loss has not fallen by a third yet; and where it is more than that,
    but not all of it, whatever the loss has done: its mean alone may have fallen. None else, and
    where nothing is learnt of the targets. The model is borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    if own or evidence.fault_step is not None or evidence.faults or not problem.is_small:
        return None
    losses = evidence.losses
    if problem.given_y is None or problem.drawn or min(losses, default=0.0) <= 0:
        return None
    start, *later = (max((o.dead or 0.0 for o in made), default=0.0) for made in _outputs(evidence))
    few = BY_CHANCE < max(start, *later) < 1
    dies = start < HALF <= max(later, default=0.0) <= BY_CHANCE
    if not few and not (dies and losses[-1] > LEFT * losses[0]):
        return None
    given = course(problem, lambda: None, _STEPS)
    if given is None or given.is_blind or (few and given.losses[-1] > _TELLS * given.shuffled):
        return None
    return given.losses[-1] / given.losses[0]


def _outputs(evidence):
    return [outputs for _, outputs, _ in evidence.moments]
