"""Layers that drop most of what they are given: does the model train where they keep it?"""

import contextlib

import numpy as np

from constrainit.doctor._dropping import dropping
from constrainit.doctor._evidence import DropEvidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import attribute

_MOST = 0.5
"""What drops a larger share would keep more if the share was meant to be kept."""

_STEPS = 50

_ROUNDS = 3
"""How many times as many steps it may take with what is given: it trains, but slower."""

_TRAINS = 0.5
"""A loss that loses less than this share of itself shows nothing."""

_NEAR_IN_NOISE = 0.5
"""How far above the other loss one that is learnt out of noise, in more steps, is about as low."""

_NOISE = 3.0
"""In training, how many times the loss that it began with, with nothing dropped, is noise."""


def drops_most(problem: Problem, start: Values) -> DropEvidence | None:
    """What the loss is with rates above a half, and with what they keep as rates.

    None without such rates, where the loss falls with them, and where it does not without. Where
    what is dropped makes the loss in training several times what it was before a step with nothing
    dropped, a loss that falls nonetheless is not enough: the others must not get much farther.

    Args:
        problem: The problem.
        start: The model's variables, and what they were before any step.
    """
    places = [one for one in dropping(problem.model) if one.rate > _MOST]
    if not places or not can_be_halved(problem):
        return None
    with tried(problem, "other rates of dropout are"):
        as_given = Halves(problem, start)
        first = as_given.loss()
        falls = _halved(first, as_given.train(_STEPS))
        if falls and not _is_noise(first, as_given.loss_in_training()):
            return None
        with contextlib.ExitStack() as stack:
            for one in places:
                stack.enter_context(attribute(one.holder, one.name, 1 - one.rate))
            kept = Halves(problem, start).train(_STEPS)
        if not _halved(first, kept):
            return None
        as_given.begin()
        for _ in range(_ROUNDS):
            given, noise = as_given.train(_STEPS), as_given.loss_in_training()
            is_noise = _is_noise(first, noise)
            if not np.isfinite(given) or _trains(first, given, kept, is_noise):
                return None
        return DropEvidence(places, _ROUNDS * _STEPS, _STEPS, (first, given, kept), noise, is_noise)
    return None


def _halved(first, last):
    return np.isfinite([first, last]).all() and first - last > _TRAINS * abs(first)


def _trains(first, given, kept, is_noise):
    """Whether the loss gets about as far, or takes most of the way where it is not all noise."""
    near = given <= kept + abs(kept) * (_NEAR_IN_NOISE if is_noise else 1.0)
    return near or (not is_noise and first - given >= _TRAINS * (first - kept))


def _is_noise(first, noise):
    """Whether what is dropped makes the loss in training far more than it was at first."""
    return noise > first + (_NOISE - 1) * abs(first)
