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


def drops_most(problem: Problem, start: Values) -> DropEvidence | None:
    """What the loss is with rates above a half, and with what they keep as rates.

    None without such rates, where the loss falls with them, and where it does not without.

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
        if _halved(first, as_given.train(_STEPS)):
            return None
        with contextlib.ExitStack() as stack:
            for one in places:
                stack.enter_context(attribute(one.holder, one.name, 1 - one.rate))
            kept = Halves(problem, start).train(_STEPS)
        if not _halved(first, kept):
            return None
        as_given.begin()
        for _ in range(_ROUNDS):
            given = as_given.train(_STEPS)
            if not np.isfinite(given) or _trains(first, given, kept):
                return None
        return DropEvidence(places, _ROUNDS * _STEPS, _STEPS, (first, given, kept))
    return None


def _halved(first, last):
    return np.isfinite([first, last]).all() and first - last > _TRAINS * abs(first)


def _trains(first, given, kept):
    """Whether the loss gets about as far, or takes most of the way."""
    return given <= kept + abs(kept) or first - given >= _TRAINS * (first - kept)
