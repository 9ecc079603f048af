"""Weights that the steps hardly move, as they are large and the learning rate is not."""

import math

import numpy as np

from constrainit.doctor._evidence import Evidence, SlowEvidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._schedules import schedule_of
from constrainit.doctor._statistics import to_numpy

_MOVED = 1e-4
"""Steps that move a weight by less of itself would need ten thousand for all of it."""

_STILL = 0.01
"""A loss that loses less than this share of itself does not fall."""

_KNOWN = 0.7
"""A loss that is below this share of that with shuffled weights has been learnt."""

_FEWEST = 15
_FACTORS = (1e2, 1e4)
_GAIN = 0.2
"""A larger rate is of use where it takes so much off the loss, and ten times what the own takes."""


def too_slow(problem: Problem, evidence: Evidence, start: Values) -> SlowEvidence | None:
    """The weight that moves least, where a rate so many times as large trains on half the batch.

    None where some weight is moved, where the loss falls, and with a schedule, which may begin
    low; of a model that has been trained before, too, be it by its optimizer, or, as pretrained
    weights have been, by another one, for which a low rate is meant.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    losses, rate = evidence.losses, evidence.rate
    moving = [made for made in evidence.gradients if made.norm]
    still = all(made.moved is not None and 0 < made.moved < _MOVED for made in moving)
    if not moving or not still or not rate or len(losses) <= _FEWEST or evidence.trained:
        return None
    if losses[-1] < losses[0] - _STILL * abs(losses[0]) or not can_be_halved(problem):
        return None
    if schedule_of(problem.optimizer) is not None:
        return None
    slowest = min(moving, key=lambda made: made.moved or math.inf)
    steps = len(losses) - 1
    size = float(np.max(np.abs(to_numpy(slowest.record.variable))))
    with tried(problem, "a higher learning rate is"):
        halves = Halves(problem, start)
        first = halves.loss()
        if _knows(halves, first):
            return None
        given = halves.train(steps)
        for factor in _FACTORS:
            halves.begin()
            faster = halves.train(steps, [factor * rate] * steps)
            gain = first - faster
            if gain > _GAIN * abs(first) and gain > 10 * (first - given):
                seen = (first, given, faster)
                moved = slowest.moved or 0.0
                return SlowEvidence(slowest.record, size, moved, rate, factor, steps, seen)
    return None


def _knows(halves, loss):
    """Whether the weights as they are do clearly better than the same ones in another order."""
    draws = np.random.default_rng(0)
    return 0 <= loss < _KNOWN * min(halves.shuffled(draws) for _ in range(3))
