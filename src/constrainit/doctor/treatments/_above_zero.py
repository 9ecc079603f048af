"""Sets that end above zero, for weights that are divided by or of which a logarithm is taken."""

import numpy as np
from keras import ops

from constrainit._set import ConstraintSet
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines._result import WEIGHT_NUMBERS
from constrainit.doctor.treatments._remedy import with_other
from constrainit.model import WeightRecord
from constrainit.sets import Box, Positive
from constrainit.sets.elementwise import bounds_of

_LOST = WEIGHT_NUMBERS.index("nonfinite")

_SIZES = (0.0, 0.1, 1.0, 10.0)
"""How far below zero weights are asked for: farther away an exponential is rounded to zero."""


def above_zero(problem: Problem, record: WeightRecord, a_set: ConstraintSet) -> ConstraintSet:
    """A set of numbers from zero on as one that ends above it, where the weight must not be zero.

    That is where the constraint gives numbers above zero only, as a softplus or an exponential
    does, and the loss or a gradient is not finite once the weight is zero. Else the set as it is.

    Args:
        problem: What the weight is trained in.
        record: The weight, whose value is put back.
        a_set: The set that its constraint seems to mean.
    """
    lower, upper = bounds_of(a_set) or (None, None)
    ends = isinstance(lower, float) and lower == 0
    if not ends or not _is_above(record) or not _fails_at_zero(problem, record):
        return a_set
    return Positive() if upper is None else Box(Positive().minimum, upper)


def _is_above(record):
    """Whether the constraint makes numbers above zero of zero, and of those below it."""
    draw = np.random.default_rng(0).uniform(0.5, 1.0, size=record.shape)
    images = [called(record, -size * draw) for size in _SIZES]
    return all(image is not None and image.min(initial=1.0) > 0 for image in images)


def _fails_at_zero(problem, record):
    """Whether the loss, or a gradient, is finite where the constraint puts the weight, not at zero.

    The weight itself may start below zero, where neither is.
    """
    held = ops.copy(ops.convert_to_tensor(record.variable.value))
    image = called(record, to_numpy(held))
    if image is None:
        return False
    try:
        record.assign(ops.cast(image, record.dtype))
        sound = _is_finite(problem)
        record.assign(ops.zeros_like(held))
        return sound and not _is_finite(problem)
    finally:
        record.assign(held)


def _is_finite(problem):
    other = with_other(problem, steps=1)
    other.set_loss()
    stepped = other.step()
    lost = [np.asarray(to_numpy(one))[_LOST] for one in stepped.weights]
    return bool(np.isfinite(to_numpy(stepped.loss))) and not any(lost)
