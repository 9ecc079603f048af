"""An optimizer of the user's own that never calls a constraint, as the doctor itself does then."""

from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._own_optimizer import inner_of, made_anew
from constrainit.doctor._problem import Problem
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._statistics import to_numpy

_CALLS = 64
"""So often it is called: it may add up batches, or run constraints now and then only."""

_GRADIENT = [[0.3, -0.2], [0.1, 0.4]]


def skipping(problem: Problem) -> Any:
    """The class of the problem's optimizer if it never calls a constraint, else None.

    Asked of classes that are not Keras' own. What raises on a weight that it does not know, or
    does not move it, tells nothing.
    """
    given = problem.given_optimizer or getattr(problem.model, "optimizer", None)
    optimizer = inner_of(given)
    if not isinstance(optimizer, keras.optimizers.Optimizer) or _is_of_keras(type(optimizer)):
        return None
    try:
        with undisturbed():
            return type(optimizer) if _skips(optimizer) else None
    # An optimizer may be written for the weights of its model alone.
    except Exception:
        return None


def _is_of_keras(kind):
    return kind.__module__.split(".")[0] == "keras"


def _skips(optimizer):
    """Whether a copy moves a weight without calling its constraint."""
    called = []

    def spy(value):
        called.append(True)
        return value

    copy = made_anew(optimizer)
    copy.gradient_accumulation_steps = None
    weight = keras.Variable(np.ones((2, 2), "float32"), name="kernel")
    weight.constraint = spy
    copy.build([weight])
    gradient = ops.convert_to_tensor(_GRADIENT, dtype="float32")
    for _ in range(_CALLS):
        _step(copy, gradient, weight)
        if called:
            return False
    value = to_numpy(weight)
    return bool(np.isfinite(value).all() and (value != 1).any())


def _step(optimizer, gradient, weight):
    """One step as `fit` takes it: on JAX the state goes in and comes out."""
    if keras.backend.backend() != "jax":
        optimizer.apply([gradient], [weight])
        return
    slots = [variable.value for variable in optimizer.variables]
    (value,), slots = optimizer.stateless_apply(slots, [gradient], [weight.value])
    weight.assign(value)
    for variable, slot in zip(optimizer.variables, slots, strict=True):
        variable.assign(slot)
