"""Does a trained weight multiply the loss, and nothing that the model predicts?

Then the loss is a straight line in the size of the weight, and the steps take it to zero.
"""

import contextlib
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence, SwitchEvidence
from constrainit.doctor._plain import differ, outputs_of
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy

_SMALLER = (0.5, 0.015625)
_MOST = 8
"""So many weights are looked at, each for the price of two steps."""

_LEAST = 0.05
_STRAIGHT = 1e-3


def switches(problem: Any, constraints: Any, evidence: Evidence) -> list[SwitchEvidence]:
    """The positive vectors and numbers of the user's own layers that do so, and allow it.

    The weights stay as they are. Nothing is found where two passes give different losses.
    """
    asked = [r for r in evidence.weights if _may_be_one(r)][:_MOST]
    if not asked:
        return []
    moved = [*problem.others, *(record.variable for record in asked)]
    found = []
    for record in asked:
        if not _allows(constraints, record):
            continue
        with _put_back(moved):
            scales = (1.0, 1.0, *_SMALLER)
            whole, again, half, least = _losses(problem, record, scales)
        slopes = (whole - half) / (1 - _SMALLER[0]), (half - least) / (_SMALLER[0] - _SMALLER[1])
        share = slopes[0] / max(abs(whole), 1e-30)
        straight = abs(slopes[0] - slopes[1]) <= _STRAIGHT * abs(slopes[0])
        same = abs(whole - again) <= _STRAIGHT * abs(whole)
        if share > _LEAST and straight and same and _predicts_the_same(problem, record, moved):
            found.append(SwitchEvidence(record, float(share)))
    return found


@contextlib.contextmanager
def _put_back(variables):
    held = [(variable, snapshot(variable)) for variable in variables]
    try:
        yield
    finally:
        for variable, value in held:
            variable.assign(value)


def _may_be_one(record):
    small = record.variable.trainable and len(record.shape) < 2
    return small and is_custom(record.layer) and bool(to_numpy(record.variable).min(initial=1) > 0)


def _allows(constraints, record):
    """Whether its constraint leaves a small weight as small."""
    if constraints.of(record.variable) is None:
        return True
    small = _SMALLER[1] * to_numpy(record.variable)
    image = constraints.image(record, small) if record in constraints.records else None
    return image is not None and np.allclose(image, small, rtol=0.1, atol=0)


def _losses(problem, record, scales):
    """The losses with the weight at several times its size, each one from the weight as it was."""
    own, found = to_numpy(record.variable), []
    for scale in scales:
        record.assign(ops.cast(scale * own, record.dtype))
        found.append(float(problem.step(looking=False).loss))
    return found


def _predicts_the_same(problem, record, moved):
    before = outputs_of(problem)
    with _put_back(moved):
        record.assign(ops.cast(_SMALLER[1] * to_numpy(record.variable), record.dtype))
        return not differ(before, outputs_of(problem))
