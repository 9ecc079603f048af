"""What TensorFlow and PyTorch have in common: eager steps."""

import warnings

import keras
import numpy as np
from keras import ops

from constrainit.doctor._state import snapshot
from constrainit.doctor.engines._result import (
    Stepped,
    as_tensor,
    is_finite,
    weigh_at_once,
    weigh_update,
)


def applied(optimizer, gradients, trainable):
    """Lets an optimizer apply gradients."""
    optimizer.apply(gradients, trainable)


def compile_step(gradients_of, whole=lambda gradient: gradient, applied=applied):
    """As `_jax.compile_step`.

    Args:
        gradients_of: Of a problem it gives the backend's gradients.
        whole: Makes a plain tensor of one of them.
        applied: Lets an optimizer apply gradients to variables.
    """

    def step(problem):
        if not problem.backward:
            return _forward(problem)
        loss, outputs, found, signals = gradients_of(problem)
        gradients = list(found)
        connected = [gradient is not None for gradient in gradients]
        weights = [
            weigh_at_once(_value(variable), None if gradient is None else whole(gradient))
            for variable, gradient in zip(problem.trainable, gradients, strict=True)
        ]
        # Nothing here holds the step or the problem, so that both are gone as soon as unused.
        optimizer, trainable = problem.optimizer, problem.trainable
        return Stepped(
            loss,
            outputs,
            signals,
            weights,
            connected,
            apply=lambda stepped: _update(stepped, optimizer, trainable, gradients, applied),
        )

    return step


def _forward(problem):
    """What a step gives without its gradients."""
    loss, outputs = problem.loss(problem.x, problem.y)
    signals = [None] * len(problem.recording.watched)
    weights = [weigh_at_once(_value(variable), None) for variable in problem.trainable]
    return Stepped(ops.stop_gradient(loss), outputs, signals, weights, connected=[])


def _update(stepped, optimizer, trainable, gradients, applied):
    """Lets the optimizer step; the variables then hold what is updated, so that none is copied."""
    stepped.before = [snapshot(variable) for variable in trainable]
    with warnings.catch_warnings():
        # Weights without a gradient are a finding; Keras' warning names them again.
        warnings.filterwarnings("ignore", message="Gradients do not exist")
        if any(stepped.connected):
            applied(optimizer, list(gradients), trainable)
    gradients.clear()
    stepped.updated = [_value(variable) for variable in trainable]
    for numbers, before, value in zip(
        stepped.weights, stepped.before, stepped.updated, strict=True
    ):
        weigh_update(numbers, before, value)


def transformation():
    """As `_jax.transformation`: what is seen inside of one may be kept."""


def own_step(model, data):
    """What a model's own `train_step` reports of a batch; its variables are updated.

    And the variables that it assigns to in vain.
    """
    return model.train_step(data), []


def build_for_fit(model, data):
    """Builds what `fit` builds before its first step; what it raises `fit` raises, too."""
    model._symbolic_build(data_batch=data)


def looked(found):
    """What `look` has kept of an output, as `summarize` gives it; None if it could not be seen."""
    return None if found is None else np.asarray(ops.convert_to_numpy(found))


def _value(variable):
    return ops.stop_gradient(ops.convert_to_tensor(variable))


def keep_updated(stepped, place, image):
    """Keeps what an update made of a weight, where its constraint makes NaN of that."""
    if not is_finite(image):
        stepped.updated[place] = ops.copy(stepped.updated[place])


def groups(records):
    """The records whose constraints are called together: one at a time, which takes less memory."""
    return [[record] for record in records]


def compile_constraints(records, also_traced=None):
    """As `_jax.compile_constraints`, on copies of the Variables."""
    held = {id(record): record.constraint for record in records}

    def call(record, value):
        copy = _copied(record, value)
        result = as_tensor(held[id(record)](copy))
        if also_traced is not None:
            also_traced(held[id(record)], copy)
        return result

    def apply(group, values):
        results = []
        for record, value in zip(group, values, strict=True):
            try:
                results.append(call(record, value))
            # A user's constraint may raise anything; it is reported, with its own line.
            except Exception as exception:
                results.append(exception)
        return results

    return apply


def call_constraint(record, constraint):
    """As `_jax.call_constraint`, on a copy of the Variable."""
    as_tensor(constraint(_copied(record, record.variable.value)))


def _copied(record, value):
    """A Variable like that of a weight, with a value."""
    return keras.Variable(
        ops.copy(value),
        dtype=record.dtype,
        trainable=record.variable.trainable,
        name=record.variable.name,
    )
