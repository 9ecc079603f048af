"""How far a loss falls, and whether that is farther than before."""

import numpy as np

_FALLS = 0.02
"""A training that takes more than this share off its loss in a look is one."""

_BETTER = 1.5
"""How many times as much a loss has to fall where it falls by less."""


def falls_to_its_end(evidence):
    """Whether a training stays finite and ends below its start."""
    losses = evidence.losses
    whole = evidence.fault_step is None and len(losses) > 1 and bool(np.isfinite(losses).all())
    return whole and losses[-1] < losses[0]


def trains(before, now):
    """Whether a loss falls, and not only as before; so it is where that can not be told."""
    if not _are_told(before, now):
        return True
    fallen, falls = (fallen_by(losses) for losses in (before, now))
    return falls > _FALLS or falls > _BETTER * fallen


def takes_more(before, now):
    """Whether a loss falls well farther than before, where other weights made it fall, too."""
    if not _are_told(before, now):
        return False
    fallen, falls = (fallen_by(losses) for losses in (before, now))
    farther = falls > _BETTER * fallen or _BETTER * (1 - falls) < 1 - fallen
    return farther and falls > _FALLS


def _are_told(before, now):
    """Whether there are two courses to compare: of a step of its own the loss may be unknown."""
    return bool(before and now) and np.isfinite([*before, *now]).all()


def fallen_by(losses):
    return (losses[0] - min(losses)) / max(abs(losses[0]), 1e-30)


def takes_off(losses):
    return len(losses) > 1 and np.isfinite(losses).all() and fallen_by(losses) > _FALLS
