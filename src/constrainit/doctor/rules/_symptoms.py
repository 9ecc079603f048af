"""What several rules ask of a training: does it grow, is it still?"""

import itertools
import math

from constrainit.doctor._beyond import is_nothing
from constrainit.doctor._evidence import Evidence

_GROWTH = 10.0
_BEYOND = 1e3
_LEAP, _LEAST = 1e6, 1e-3
"""No loss of a healthy model leaps so far; one that began near zero may."""
_RISEN = 0.02
_STALLED = 1e-3
"""SageMaker Debugger's LossNotDecreasing: less than 0.1 % in the steps that are looked at."""


def diverges(evidence: Evidence) -> bool:
    """Whether the loss of the same batch grows, tenfold and for good, while it stays finite."""
    losses = evidence.losses
    if len(losses) < 3 or not all(map(math.isfinite, losses)):
        return False
    if leaps(evidence):
        return True
    # Steps away from where nothing is left of it are of the size of the rate.
    if is_nothing(max(losses), evidence):
        return False
    # Units that died of the growth let the loss fall back from its peak, far above the start.
    lasting = max(losses[1:-1]) / _GROWTH, _BEYOND * abs(losses[0])
    return losses[-1] > _GROWTH * abs(losses[0]) and losses[-1] > min(lasting)


def rises(evidence: Evidence) -> bool:
    """Whether the first step leaves the loss of its batch higher than it was."""
    first, after = evidence.loss, evidence.loss_after
    if first is None or after is None:
        return False
    return after > first + _RISEN * abs(first)


def leaps(evidence: Evidence) -> bool:
    """Whether a step makes the loss a million times what it was at the start, and finite still.

    What comes after it may be not finite.
    """
    losses = list(itertools.takewhile(math.isfinite, evidence.losses))
    return len(losses) > 2 and max(losses[1:]) > _LEAP * max(abs(losses[0]), _LEAST)


def stalls(evidence: Evidence) -> bool:
    """Whether twenty steps on the same batch take less than a thousandth off its loss."""
    losses = evidence.losses
    if len(losses) < 15 or not all(map(math.isfinite, losses)):
        return False
    return losses[0] - min(losses) <= _STALLED * abs(losses[0])


def breaks_later(evidence: Evidence) -> bool:
    """Whether it starts finite and is not after some steps."""
    return evidence.fault_step is not None and evidence.fault_step > 0
