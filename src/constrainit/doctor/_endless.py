"""Weights whose size alone takes a loss down without end, as the logarithm of a factor does."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_FACTORS = (1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12)
_SAME = 1e-3
_STEADY = 0.95
"""The logarithm of a factor falls by the same each time that the factor is a hundredfold."""

_MOST = 8


@dataclass(frozen=True)
class EndlessEvidence:
    """A constrained weight whose set allows it any size, and what larger ones do to the loss.

    Attributes:
        record: The weight.
        factors: How many times as large it was made.
        losses: The loss then.
    """

    record: WeightRecord
    factors: tuple[float, ...]
    losses: tuple[float, ...]


def endless(problem: Any, constraints: Any) -> EndlessEvidence | None:
    """The first weight that, made larger, lowers the loss by the same each time; or None.

    Such a loss has no least value among the members of the set, whatever the data are. What is
    bounded by zero, or is cut off by a clip, falls ever less.
    """
    made = constraints.records if problem.is_small and not problem.drawn else []
    for record in [one for one in made if one.variable.trainable][:_MOST]:
        own = to_numpy(record.variable)
        image = constraints.image(record, _FACTORS[-1] * own) if own.any() else None
        if image is None or not np.allclose(image, _FACTORS[-1] * own, rtol=_SAME, atol=0):
            continue
        # Most losses are never below zero, and each costs a pass.
        if not _losses(problem, record, own, _FACTORS[-1:])[0] < 0:
            continue
        losses = _losses(problem, record, own, _FACTORS)
        falls = -np.diff(losses)[1:]
        if np.isfinite(losses).all() and falls.min() > _STEADY * falls.max() > 0:
            return EndlessEvidence(record, _FACTORS, tuple(losses))
    return None


def _losses(problem, record, own, factors):
    held, found = snapshot(record.variable), []
    try:
        for factor in factors:
            record.assign(ops.cast(factor * own, record.dtype))
            found.append(loss_now(problem))
    finally:
        record.variable.assign(held)
    return found
