"""A schedule that takes the rate to nothing within a few steps: is there more to learn then?"""

import math
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import EndEvidence, Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy

_NOTHING = 0.02
"""A rate of less than this share of the largest one moves next to nothing."""

_MOST = 200
"""Schedules that end later are those of a training."""

_FAR = (250, 333, 500, 719, 1000)
"""Steps that no one of a few cycles of a schedule has all of its ends at."""

_LONGER = 5
"""How many times as long the same schedule takes in the training to compare with."""

_LITTLE = 0.1
"""Of the loss at the start: a training that gets there is over."""


def ends_early(problem: Problem, evidence: Evidence, start: Values) -> EndEvidence | None:
    """The loss when a schedule has ended, and that of twice the steps with a longer one.

    None without a schedule that ends so early, in a model that has been trained before, and where
    next to nothing of the loss is left by then.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    schedule = schedule_of(problem.optimizer)
    if schedule is None or evidence.trained or not can_be_halved(problem):
        return None
    rates = _ending(schedule)
    if not rates:
        return None
    peak, end = max(rates), _end(rates)
    with tried(problem, "the schedule of the learning rate is"):
        config = {**problem.optimizer.get_config(), "learning_rate": peak}
        halves = Halves(problem, start, type(problem.optimizer).from_config(config))
        # With it constraints have taken their weights inside.
        first = halves.train(1, rates)
        given = halves.train(end - 1, rates[1:])
        if 0 < given < _LITTLE * first:
            return None
        halves.begin()
        longer = halves.train(2 * end, [rates[step // _LONGER] for step in range(2 * end)])
        if np.isfinite([first, given, longer]).all():
            return EndEvidence(peak, end, rates[end] / peak, _LONGER, (first, given, longer))
    return None


def schedule_of(optimizer: Any) -> Any:
    """The schedule of an optimizer's learning rate, or None."""
    schedule = getattr(inner_of(optimizer), "_learning_rate", None)
    known = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    return schedule if known else None


def _ending(schedule):
    """The rates of the first steps, if they end among these; else nothing."""
    far = [_rate(schedule, step) for step in _FAR]
    # Most schedules are told by a few rates, and each takes a call.
    if not max(far) <= _NOTHING * max(_rate(schedule, step) for step in range(0, _MOST, 20)):
        return []
    rates = [_rate(schedule, step) for step in range(_MOST + 1)]
    ends = all(map(math.isfinite, rates)) and max(rates[-1], *far) <= _NOTHING * max(rates)
    return rates if ends and max(rates) > 0 else []


def _rate(schedule, step):
    return abs(float(to_numpy(schedule(step))))


def _end(rates):
    """The first step from which on the rate is next to nothing."""
    least = _NOTHING * max(rates)
    return 1 + max(step for step, rate in enumerate(rates) if rate > least)
