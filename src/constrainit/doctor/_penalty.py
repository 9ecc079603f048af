"""Penalties on weights: what they make of the loss, and of the gradient of a weight."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence, PenaltyEvidence
from constrainit.doctor._loss_weights import gradient_norms
from constrainit.doctor._statistics import to_numpy

FELL = 0.02
"""A loss of the data that loses less than this share of itself does not fall."""


def total(problem: Any) -> float | None:
    """What the penalties on weights add to the loss; None where that is not asked."""
    return sum(shares(problem).values()) if penalised(problem) and problem.is_small else None


def sizes(problem: Any) -> dict[int, float]:
    """The norm of each weight that has a penalty, by the identity of its variable."""
    return {id(v): _norm(v) for v in penalised(problem)} if problem.is_small else {}


def below_zero(problem: Any) -> dict[int, float]:
    """The penalties on weights that are negative, by the identity of the variable."""
    return {of: value for of, value in shares(problem).items() if value < 0}


def shares(problem: Any) -> dict[int, float]:
    """What the penalty on each weight adds to the loss, by the identity of its variable."""
    # One that is no number is summed up by Keras.
    return {
        id(v): float(np.sum(to_numpy(ops.stop_gradient(v.regularizer(v)))))
        for v in penalised(problem)
    }


def of_data(evidence: Evidence) -> tuple[float, float]:
    """The first and the last loss without the penalties."""
    first, last = evidence.penalties
    return evidence.losses[0] - first, evidence.losses[-1] - last


def falls(evidence: Evidence) -> bool:
    """Whether the loss without the penalties falls in the steps."""
    before, after = of_data(evidence)
    return after < before - FELL * abs(before)


def measure(problem: Any, evidence: Evidence, began: dict[int, float]) -> None:
    """The weights' gradients with and without penalties, where these are most of the loss.

    `began` are the norms at the start.
    """
    if len(evidence.penalties) < 2 or not all(map(math.isfinite, evidence.losses)):
        return
    first, last = evidence.penalties
    if not (first > abs(of_data(evidence)[0]) and last < first) or falls(evidence):
        return
    bare = _gradients_of_data(problem)
    for made in evidence.gradients:
        variable = made.record.variable
        if id(variable) not in began or not made.later:
            continue
        evidence.outweighed.append(
            PenaltyEvidence(
                made.record,
                share=first / evidence.losses[0],
                gradient=made.later[-1],
                of_data=bare[id(variable)],
                all_of_data=math.hypot(*bare.values()),
                everywhere=math.hypot(*(g.later[-1] for g in evidence.gradients if g.later)),
                left=_norm(variable) / began[id(variable)] if began[id(variable)] else 1.0,
                losses=of_data(evidence),
            )
        )


def penalised(problem: Any) -> list[Any]:
    """The trainable weights that have a penalty."""
    return [v for v in problem.trainable if getattr(v, "regularizer", None) is not None]


@contextlib.contextmanager
def without_penalties(problem: Any) -> Iterator[None]:
    """No weight of the model has a penalty for a while."""
    held = [(v, v.regularizer) for v in penalised(problem)]
    for variable, _ in held:
        variable.regularizer = None
    try:
        yield
    finally:
        for variable, penalty in held:
            variable.regularizer = penalty


def _norm(variable):
    return float(ops.norm(ops.reshape(ops.stop_gradient(variable), (-1,))))


def _gradients_of_data(problem):
    """The norm of each weight's gradient without penalties, by the identity of its variable."""
    with without_penalties(problem):
        return gradient_norms(problem.afresh())
