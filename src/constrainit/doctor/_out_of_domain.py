"""Weights without a constraint that a step took to where an operation has no result."""

import numpy as np

from constrainit._set import ConstraintSet
from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.trace import Operation
from constrainit.model import WeightRecord
from constrainit.sets import NonNegative, Positive

_BOUNDED_BELOW = {"log": 0, "log2": 0, "log10": 0, "sqrt": 0, "rsqrt": 0, "power": 0, "divide": 1}
"""Operations that need an operand of zero or more, and which of their operands that is."""


def free_weights(evidence: Evidence, operation: Operation) -> dict[str, ConstraintSet]:
    """The sets that keep an operand where it was at the start, by the paths of the weights.

    Only those of an operation that had a result at the start, all of whose weights are trained,
    have no constraint and start with nothing negative; else it is not they that are to be so. A
    weight of the same name in another layer of the class is one of them. Nothing of others.
    """
    place = _BOUNDED_BELOW.get(operation.name)
    if place is None or not evidence.fault_step or len(operation.operands) <= place:
        return {}
    operand = operation.operands[place]
    own = [r for r in evidence.weights if r.path in operand.weights]
    if not own or operand.numbers.minimum > 0 or not all(map(_is_free, own)):
        return {}
    known = {(kind_of_layer(r.layer), r.variable.name) for r in own}
    alike = [
        r
        for r in evidence.weights
        if (kind_of_layer(r.layer), r.variable.name) in known and _is_free(r)
    ]
    return {r.path: _set_of(r) for r in alike}


def _is_free(record: WeightRecord) -> bool:
    """Whether a weight is trained, has no constraint, and has no negative entry."""
    value = to_numpy(record.variable)
    free = record.constraint is None and record.variable.trainable
    return bool(free and np.isfinite(value).all() and value.min(initial=0.0) >= 0)


def _set_of(record):
    """Where a weight starts, or more: what starts at zero may stay there."""
    return Positive() if to_numpy(record.variable).min(initial=np.inf) > 0 else NonNegative()
