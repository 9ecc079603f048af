"""Vectors whose entries start alike, of whose neighbours a layer takes differences."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import given_in_prediction, is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_SIZES = (0.5, 1.0, 2.0, 4.0)
"""How far entries are put apart, from the mean to either end."""

_NOTHING = 1e-6
_STEPS = 100
_LOWER = 0.7
"""The share of the loss, after steps from a start as it is, that spaced entries leave at most."""


class EqualEntries(NamedTuple):
    """A weight whose entries start alike, and a spaced start that trains.

    Attributes:
        record: The weight.
        value: What its entries are, where they are all the same.
        ends: The least and the largest entry of the start that trains.
        empty: How many units of its layer are zero for all examples.
        units: How many it has.
        steps: How many steps were taken.
        losses: The loss of examples that are not trained on: before, after the steps, and after as
            many from the spaced start.
    """

    record: WeightRecord
    value: float
    ends: tuple[float, float]
    empty: int
    units: int
    steps: int
    losses: tuple[float, float, float]


def equal_entries(problem: Problem, evidence: Evidence, start: Values) -> EqualEntries | None:
    """The weight of the user's own layers whose equal entries leave units of its layer empty.

    What lies between two equal numbers is nothing, as the probability of a class between two
    thresholds: it is exactly zero for all examples, and is not with entries that are apart. None
    where the model trains about as well from such a start.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    if evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    values = {id(variable): to_numpy(value) for variable, value in start}
    # Exponentials that are next to nothing leave units empty, too, and have a remedy of their own.
    small = evidence.small_exponentials
    others = set() if small is None else set(small.layers)
    known = [
        r
        for r in evidence.weights
        if is_custom(r.layer) and r.variable.trainable and r.layer.name not in others
    ]
    for record in [r for r in known if _is_equal(values.get(id(r.variable)))]:
        with tried(problem, "entries that start apart are"):
            found = _with_apart(problem, record, start, values[id(record.variable)])
            if found is not None:
                return found
    return None


def _is_equal(value):
    """Whether entries along the last axis are all alike, in a vector or a table of them."""
    if value is None or value.ndim not in (1, 2) or value.shape[-1] < 2:
        return False
    return bool(np.isfinite(value).all() and not np.ptp(value, axis=-1).any())


def _with_apart(problem, record, start, value):
    for variable, own in start:
        variable.assign(own)
    empty = _empty(problem, record.layer)
    if not empty.any() or empty.all():
        return None
    losses = {}
    for size in _SIZES:
        record.assign(_apart(record, value, size))
        if not (_empty(problem, record.layer) & empty).any():
            losses[size] = loss_now(problem)
    finite = {size: loss for size, loss in losses.items() if np.isfinite(loss)}
    if not finite:
        return None
    record.assign(_apart(record, value, min(finite, key=lambda size: finite[size])))
    spaced = to_numpy(record.variable)
    begin = [(v, spaced if v is record.variable else own) for v, own in start]
    halves = Halves(problem, start)
    first, given = halves.loss(), halves.train(_STEPS)
    apart = Halves(problem, begin)
    other, others = apart.train(_STEPS), apart.of_others()
    if not np.isfinite([first, other]).all() or not other < _LOWER * min(first, given):
        return None
    if others is None or not other < others:
        return None
    ends = float(spaced.min()), float(spaced.max())
    counts = int(empty.sum()), int(empty.size)
    return EqualEntries(record, float(value.flat[0]), ends, *counts, _STEPS, (first, given, other))


def _apart(record: WeightRecord, value: np.ndarray, size: float) -> Any:
    """A weight with entries that go up by equal steps, as its constraint lets them be."""
    spaced = ops.cast(value + np.linspace(-size, size, value.shape[-1]), record.dtype)
    if record.constraint is None:
        return spaced
    return record.resolved(record.constraint).project(spaced)


def _empty(problem, layer):
    """Which units of a layer are zero for all examples, while others are not."""
    given = [value for name, value in given_in_prediction(problem.model, problem.x)
             if name == layer.name]  # fmt: skip
    if not given or given[-1].ndim < 2:
        return np.zeros(0, bool)
    rows = np.abs(given[-1].reshape(-1, given[-1].shape[-1]))
    return rows.max(axis=0) <= _NOTHING * rows.max(initial=0.0)
