"""Starts outside of their sets that give the same as inside of them, as phases beyond one turn."""

from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Values, put
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules.cw101_infeasible_start import harmless, is_outside

_SAME = 1e-3
"""The share of the largest output that may differ."""


def same_inside(problem: Problem, constraints: Any, evidence: Evidence, start: Values) -> set[str]:
    """The paths of weights with which the model gives the same as with their images.

    And something else with what lies halfway: a weight that makes no difference tells nothing.
    Asked of constraints of the user's own that move the start much, in small models.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step; empty if not known.
    """
    asked = [one for one in evidence.constraints if one.custom and is_outside(one)]
    asked = [one for one in asked if not harmless(one)]
    kept, found = {id(variable): value for variable, value in start}, set()
    if not asked or not start or evidence.faults or evidence.fault_step == 0:
        return found
    with borrowed(problem.model):
        put(start)
        given = _outputs(problem)
        for made in [one for one in asked if id(one.record.variable) in kept]:
            record, own = made.record, to_numpy(kept[id(made.record.variable)])
            image = constraints.image(record, own)
            if image is None:
                continue
            inside, halfway = (
                _with(problem, record, value) for value in (image, own + 0.5 * (image - own))
            )
            if _is_same(inside, given) and not _is_same(halfway, given):
                found.add(record.path)
            record.assign(ops.cast(own, record.dtype))
    return found


def _with(problem, record, value):
    record.assign(ops.cast(value, record.dtype))
    return _outputs(problem)


def _outputs(problem):
    outputs = keras.tree.flatten(problem.model(problem.x, training=False))
    return [to_numpy(ops.stop_gradient(one)).astype("float64") for one in outputs]


def _is_same(one, other):
    return all(
        np.abs(a - b).max(initial=0.0) <= _SAME * np.abs(b).max(initial=0.0)
        for a, b in zip(one, other, strict=True)
    )
