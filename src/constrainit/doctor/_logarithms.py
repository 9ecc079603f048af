"""Penalised weights that stand for logarithms: a penalty pulls them to zero, an effect of one."""

import math

from keras import ops

from constrainit.doctor._halves import Halves, can_be_halved, tried, values_of
from constrainit.doctor._penalty import without_penalties
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import borrowed
from constrainit.model import WeightRecord

_FAR_OFF = 4.0
"""How many times the first loss of the data that of weights at zero is, where zero is something."""

_BLIND = 0.9
"""A loss of at least this share of that with targets of other examples tells nothing of them."""


def off_at_zero(problem: Problem, records: list[WeightRecord], first: float) -> float | None:
    """The loss of the data with penalised weights at zero, if far above the first; else None.

    The least penalty is no model of nothing then, as where a layer of the user's own takes the
    exponential of its weight.
    """
    own = [record for record in records if is_custom(record.layer)]
    if not own or not first > 0 or len(own) < len(records):
        return None
    with borrowed(problem.model), without_penalties(problem):
        for record in own:
            record.assign(ops.zeros_like(record.value))
        found = float(problem.afresh().step().loss)
    return found if math.isfinite(found) and found > _FAR_OFF * first else None


def told_without(
    problem: Problem, steps: int, share: float
) -> tuple[tuple[float, float], float] | None:
    """The loss of the data at the start and behind a training, and behind one without penalties.

    None where that is not `share` of the other at most, or tells nothing of the targets. Both learn
    something, so that examples that are not trained on tell.
    """
    if not can_be_halved(problem):
        return None
    with tried(problem, "the loss without penalties is"):
        start = values_of(problem.model)
        with without_penalties(problem):
            alone = Halves(problem, start)
            first, left, others = alone.loss(), alone.train(steps), alone.of_others()
        halves = Halves(problem, start)
        halves.train(steps)
        with without_penalties(problem):
            after = halves.loss()
        if others is not None and left < _BLIND * others and left <= share * after:
            return (first, after), left
    return None
