"""Weights whose layer may have lost its constraint where it was made from its config."""

import math
from typing import Any, NamedTuple

from constrainit.doctor._constraint_calls import unsaved_arguments
from constrainit.doctor._corners import fails
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_SMALL = 1 << 16
"""The most entries of a weight that is looked at."""


class LostConstraint(NamedTuple):
    """A weight without a constraint, which its layer takes and leaves out of its config.

    Attributes:
        record: The weight.
        argument: The argument of the layer.
        operation: What is not finite where the weight is below zero, None if that is not known.
        reached: Whether training has come there.
    """

    record: WeightRecord
    argument: str
    operation: Any
    reached: bool


def lost_constraints(problem: Any, evidence: Any) -> list[LostConstraint]:
    """The weights that are below zero, or on the way there, where their layer is not finite."""
    found = []
    for record in evidence.weights:
        free = record.variable.trainable and record.constraint is None
        if not free or not is_custom(record.layer) or math.prod(record.shape) > _SMALL:
            continue
        names = _left_out(record.layer)
        operation = evidence.operation
        if not names or evidence.faults or evidence.fault_step == 0:
            continue
        if evidence.fault_step is not None:
            known = operation is not None and "negative" in operation.limit
            operands = operation.operands if known and operation is not None else ()
            if record.path in {p for one in operands for p in one.weights}:
                found.append(LostConstraint(record, names[0], operation, reached=True))
            continue
        value = to_numpy(record.variable)
        bad = fails(problem, record, -abs(value)) if (value > 0).mean() > 0.5 else None
        if bad is not None and (not bad or "negative" in bad.limit):
            found.append(LostConstraint(record, names[0], bad or None, reached=False))
    return found


def _left_out(layer) -> list[str]:
    """The arguments for constraints that a layer has as None and its config does not hold."""
    return [
        name
        for name in unsaved_arguments(layer)
        if "constraint" in name and getattr(layer, name, "") is None
    ]
