"""Units that die while a model trains: how far does the loss fall with those that are left?"""

from constrainit.doctor._courses import course
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._problem import Problem
from constrainit.doctor.rules.cw403_dead_start import HALF, LEFT

_STEPS = 200


def outlived(problem: Problem, evidence: Evidence) -> float | None:
    """What is left of the loss after two hundred steps in which units die.

    Asked where half of a layer is dead after the steps that were looked at and of none at the
    start, and the loss has not fallen by a third yet; None else, and where nothing is learnt of the
    targets. The model is borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    if own or evidence.fault_step is not None or evidence.faults or not problem.is_small:
        return None
    losses = evidence.losses
    if problem.given_y is None or problem.drawn or min(losses, default=0.0) <= 0:
        return None
    start, *later = (any((o.dead or 0.0) >= HALF for o in made) for _, made, _ in evidence.moments)
    if start or not any(later) or losses[-1] <= LEFT * losses[0]:
        return None
    given = course(problem, lambda: None, _STEPS)
    return None if given is None or given.is_blind else given.losses[-1] / given.losses[0]
