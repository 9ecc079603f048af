"""What TensorFlow and PyTorch have in common: eager steps."""

import warnings

import keras
from keras import ops

from constrainit.doctor.engines._result import Stepped, as_tensor, weigh


def compile_step(problem, gradients_of):
    """As `_jax.compile_step`; `gradients_of(problem)` gives the backend's gradients."""

    def step():
        loss, outputs, gradients, signals = gradients_of(problem)
        before = [ops.copy(ops.convert_to_tensor(v)) for v in problem.trainable]
        held = [(v, ops.copy(ops.convert_to_tensor(v))) for v in problem.optimizer.variables]
        try:
            with warnings.catch_warnings():
                # Weights without a gradient are a finding; Keras' warning names them again.
                warnings.filterwarnings("ignore", message="Gradients do not exist")
                if any(g is not None for g in gradients):
                    problem.optimizer.apply(list(gradients), problem.trainable)
            updated = [ops.copy(ops.convert_to_tensor(v)) for v in problem.trainable]
            slots = [ops.copy(ops.convert_to_tensor(v)) for v in problem.optimizer.variables]
        finally:
            for variable, value in [*zip(problem.trainable, before, strict=True), *held]:
                variable.assign(value)
        weights = [weigh(*one) for one in zip(before, gradients, updated, strict=True)]
        connected = [gradient is not None for gradient in gradients]
        return Stepped(loss, outputs, signals, weights, connected, updated, slots, None)

    return step


def compile_constraints(records, also_traced=None):
    """As `_jax.compile_constraints`, on copies of the Variables."""
    held = {id(record): record.constraint for record in records}

    def call(record, value):
        copy = keras.Variable(
            ops.copy(value),
            dtype=record.dtype,
            trainable=record.variable.trainable,
            name=record.variable.name,
        )
        result = as_tensor(held[id(record)](copy))
        if also_traced is not None:
            also_traced(held[id(record)], copy)
        return result

    def apply(values):
        results = []
        for record, value in zip(records, values, strict=True):
            try:
                results.append(call(record, value))
            # A user's constraint may raise anything; it is reported, with its own line.
            except Exception as exception:
                results.append(exception)
        return results

    return apply
