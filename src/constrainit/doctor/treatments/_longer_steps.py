"""Whether longer steps train for good: a look sees only where they begin."""

from constrainit.doctor._finding import Finding
from constrainit.doctor.treatments._farther import Farther
from constrainit.doctor.treatments._remedy import Remedy

_MOST_STEPS = 200

_TAIL = 4
"""Of the last so many-th of a training the highest loss counts: one that swings is low at times."""

_BACK = 0.5
"""A loss that comes back by more than this share of all that it had fallen by does not settle."""


def outrun(remedy: Remedy, farther: Farther, wanted: list[Finding], comparable: bool) -> str:
    """Why a change that makes steps longer is no cure after many of them; empty if it is one.

    Args:
        remedy: The change.
        farther: The trainings of the problem with and without it.
        wanted: The findings that it is for.
        comparable: Whether the losses with and without it are of the same targets.
    """
    steps = farther.budget.longer(_MOST_STEPS)
    further = farther.treated(remedy, wanted, steps)
    if further is None:
        return ""
    if further.evidence.fault_step is not None:
        return f"not finite at step {further.evidence.fault_step}"
    losses = further.evidence.losses
    end, least = max(losses[-(len(losses) // _TAIL) :]), min(losses)
    if comparable:
        given = farther.untreated(steps)
        if given.fault_step is None and not end < given.losses[-1]:
            came = f"to {given.losses[-1]:.4g} in place of {end:.4g}"
            return f"in {steps} steps the loss falls farther with the steps as they are, {came}"
    if end - least > _BACK * (losses[0] - least):
        return f"in {steps} steps the loss falls to {least:.4g} and comes back to {end:.4g}"
    return ""
