"""Whether a step of the model's own compares each target with the predictions of all examples."""

import keras
import numpy as np
from keras import ops

from constrainit.doctor._own_step import OwnStep, Seen
from constrainit.doctor._problem import Problem
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._state import attribute


def compares_all(problem: Problem, step: OwnStep) -> bool:
    """Whether targets `(batch,)` are compared with the predictions of all examples.

    Then it makes no difference in which order they stand, while it does what they are.
    """
    x, y = step.data[:2] if isinstance(step.data, tuple) else (step.data, None)
    if y is None or keras.tree.is_nested(y) or len(y.shape) != 1 or len(step.data) > 2:
        return False
    try:
        with undisturbed():
            predicted = problem.model(x, training=False)
    # Some models have parts that are called, and no `call` of their own.
    except Exception:
        return False
    if keras.tree.is_nested(predicted) or tuple(predicted.shape) != (*y.shape, 1):
        return False
    first = _first(step, (x, y))
    others = (ops.flip(y, axis=0), y + ops.cast(ops.arange(y.shape[0]) % 3, y.dtype))
    turned, other = (_first(step, (x, one)) for one in others)
    return _are_alike(first, turned) and not _are_alike(first, other)


def _first(step, data):
    """The first step on other data."""
    with undisturbed(), step.lent(), attribute(step, "data", data):
        return step.take()


def _are_alike(one: Seen, other: Seen):
    """Whether two steps report the same and move the weights as far, up to rounding."""
    numbers = [
        [*seen.reported.values(), *(moved for moved, _ in seen.moved.values())]
        for seen in (one, other)
    ]
    return len(numbers[0]) == len(numbers[1]) and np.allclose(*numbers, rtol=1e-4, atol=1e-7)
