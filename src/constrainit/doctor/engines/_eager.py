"""What TensorFlow and PyTorch have in common: eager steps."""

import warnings

import keras
from keras import ops

from constrainit.doctor._state import snapshot
from constrainit.doctor.engines._result import Stepped, as_tensor, weigh_at_once


def compile_step(problem, gradients_of):
    """As `_jax.compile_step`; `gradients_of(problem)` gives the backend's gradients."""

    def step():
        loss, outputs, gradients, signals = gradients_of(problem)
        connected = [gradient is not None for gradient in gradients]
        gradients = list(gradients)
        weights, updated = [], []
        before = [snapshot(v) for v in problem.trainable]
        held = [snapshot(v) for v in problem.optimizer.variables]
        try:
            with warnings.catch_warnings():
                # Weights without a gradient are a finding; Keras' warning names them again.
                warnings.filterwarnings("ignore", message="Gradients do not exist")
                if any(connected):
                    problem.optimizer.apply(list(gradients), problem.trainable)
            # One at a time, and let go of: all at once would be several copies of the model.
            for place, value in _taken(problem.trainable, before):
                updated.append(value)
                weights.append(weigh_at_once(before[place], gradients[place], value))
                gradients[place] = None
            slots = [value for _, value in _taken(problem.optimizer.variables, held)]
        finally:
            for _ in _taken([*problem.trainable, *problem.optimizer.variables], [*before, *held]):
                pass
        return Stepped(loss, outputs, signals, weights, connected, updated, slots, None)

    return step


def _taken(variables, values):
    """Gives what each variable holds and its place, and puts its value back, if that is left."""
    for place, variable in enumerate(variables):
        if values[place] is not None:
            value = snapshot(variable)
            variable.assign(values[place])
            yield place, value
            values[place] = None


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
