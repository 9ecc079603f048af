"""A remedy for numbers that have to go up, and do not: cutpoints whose differences are negative."""

import numpy as np

from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import written
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import given_and_projected, told, variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk
from constrainit.sets import Monotone

_DRAWS = 3
_CLOSE = 0.01
"""The least distance of neighbours, beside what they are apart at the start."""


def held_in_order(problem, evidence, found):
    """Free weights of the user's own layers, sorted along the last axis, and held in this order.

    Only where the order decides: whatever numbers they are, the loss is finite if they go up (or
    down), and is not if they go the other way.
    """
    operation = evidence.operation
    if operation is None or "a negative number" not in operation.limit or not problem.is_small:
        return None
    # One of another remedy has no loss yet.
    problem.set_loss()
    for record in _may_be_ordered(problem, operation):
        start, axis = to_numpy(record.variable), len(record.shape) - 1
        up = _decides(problem, record, start)
        if up is None:
            start_at(record, start)
            continue
        gap = float(f"{_CLOSE * np.ptp(start) / (start.shape[-1] - 1):.0g}")
        a_set = Monotone("increasing" if up else "decreasing", gap=gap, axis=axis)
        record.variable.constraint = a_set
        start_at(record, a_set.project(_sorted(start, up)))
        texts, name = {record.path: written(a_set)}, variable(problem, record)
        order = f"ops.sort({name}, axis={axis})"
        order = order if up else f"ops.flip({order}, axis={axis})"
        return Changed(
            f"numbers that start in order and are held in it, {told(problem, texts)}",
            code=f"{name}.assign({order})\n{given_and_projected(problem, texts)}",
        )
    return None


def _may_be_ordered(problem, operation):
    """Vectors, and tables of them: those that the operation is computed from, where they are known.

    A loss knows only what the model has given.
    """
    paths = {path for one in operation.operands for path in one.weights}
    return [
        record for record in walk(problem.model)
        if is_custom(record.layer) and record.variable.trainable and record.constraint is None
        and len(record.shape) in (1, 2) and record.shape[-1] > 1
        and (not paths or record.path in paths) and np.ptp(to_numpy(record.variable)) > 0
    ]  # fmt: skip


def _decides(problem, record, start):
    """Whether a weight has to go up, or down, for a finite loss; None where the order is nothing.

    Asked of drawn numbers of the same mean and size, as its own may be in order by chance.
    """
    draws = np.random.default_rng(0).normal(start.mean(), start.std(), (_DRAWS, *start.shape))
    draws = [start, *draws]
    finite = {}
    for up in (True, False):
        finite[up] = [_is_finite(problem, record, _sorted(draw, up)) for draw in draws]
    ways = [up for up in finite if all(finite[up]) and not any(finite[not up])]
    return ways[0] if ways else None


def _is_finite(problem, record, value):
    start_at(record, value)
    return bool(np.isfinite(loss_now(problem)))


def _sorted(value, up):
    value = np.sort(value, axis=-1)
    return value if up else np.flip(value, axis=-1)
