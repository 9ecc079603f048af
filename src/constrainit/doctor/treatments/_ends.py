"""Whether a change that was to make a training better does: where the loss ends with it, without.

All give why the change is no cure, or an empty string. They are given the change, the trainings of
the problem with and without it, the findings that it is for, and the losses of a look with it.
"""

from constrainit.doctor.rules._symptoms import diverges
from constrainit.doctor.treatments._falling import fallen_by, falls_to_its_end, takes_off

FARTHER = 5
"""How many times as many steps are taken as a look takes."""

MOST_STEPS = 200

SLOWER = "the loss falls farther with the rate as it is, "
"""How a reason begins why a lower rate is no cure."""

_LOWER = 0.8
"""What is left of a loss at most, in more steps, where what was missing is there."""

_FAR_LOWER = 1e-4
"""Rates that are lower by this may only leave the weights in place."""


def slower(remedy, farther, wanted, now):
    """Whether a rate that trains ends higher after it was made lower, in more steps, too.

    So is whether data that trains does after it was scaled, the targets being the same.

    What rises at first may fall later: only what fails or grows without bound is not asked again.
    """
    problem, evidence = farther.problem, farther.evidence
    falls, ends = falls_to_its_end(evidence), (evidence.losses[-1], now[-1])
    if evidence.fault_step is not None or diverges(evidence) or (falls and ends[1] < ends[0]):
        return ""
    if problem.is_small:
        steps = more_steps(remedy, farther)
        given = farther.untreated(steps)
        falls = falls_to_its_end(given)
        further = farther.treated(remedy, wanted, steps) if falls else None
        ends = (given.losses[-1], further.evidence.losses[-1]) if further else ends
    slower = falls and not ends[1] < ends[0]
    said = SLOWER if remedy.trial == "rate" else "the loss falls farther with the data as it is, "
    return f"{said}to {ends[0]:.4g} in place of {ends[1]:.4g}" if slower else ""


def ends_above(remedy, farther, wanted, now):
    """Whether the loss ends no lower than without a change, nor far lower in more steps."""
    given, then, most = farther.evidence.losses, now, 1.0
    if farther.problem.is_small and not then[-1] < given[-1]:
        steps = more_steps(remedy, farther)
        further = farther.treated(remedy, wanted, steps)
        if further is not None:
            given, then, most = farther.untreated(steps).losses, further.evidence.losses, _LOWER
    if then[-1] < most * given[-1]:
        return ""
    return f"the loss ends at {then[-1]:.4g} in place of {given[-1]:.4g}"


def stands_still(remedy, farther, wanted, now):
    """Whether a rate far below the given one keeps the weights finite by leaving them in place."""
    if remedy.factor > _FAR_LOWER or not farther.problem.is_small or takes_off(now):
        return ""
    steps = farther.budget.longer(MOST_STEPS)
    further = farther.treated(remedy, wanted, steps)
    if further is None or not further.evidence.losses or takes_off(further.evidence.losses):
        return ""
    fallen = fallen_by(further.evidence.losses)
    return f"the loss falls by {fallen:.1%} in {steps} steps: nothing is trained"


def more_steps(remedy, farther):
    """So many that they go as far where each of them is shorter."""
    steps = int(farther.problem.steps * max(FARTHER, 1 / remedy.factor))
    return farther.budget.longer(min(steps, MOST_STEPS))
