"""JAX: the traced loss, walked equation by equation with concrete values."""

from typing import Any

import jax
import keras
from keras import ops

from constrainit.doctor.trace import _blame
from constrainit.doctor.trace._jax_backward import backward
from constrainit.doctor.trace._jax_walk import LAYER, LOSS, Tensor, Walk
from constrainit.doctor.trace._operation import Operation
from constrainit.doctor.trace._record import Place, Recorder
from constrainit.doctor.trace._run import entered, run, untouched


def locate(problem: Any) -> Operation | None:
    """As `constrainit.doctor.trace.locate`."""
    recorder = Recorder()
    with untouched(problem.model):
        walk, weights, (loss, *predictions) = forward(problem, recorder)
    if loss.value.nonfinite:
        step = _blame.first_fault([loss.value])
    else:
        gradients = backward(walk, loss, weights)
        lost = [one.value for one in predictions if one.value.nan]
        step = _blame.first_fault([g for g in gradients if g.nonfinite] or lost)
    return None if step is None else _blame.as_operation(recorder, step)


def forward(problem: Any, recorder: Recorder) -> Any:
    """Notes a forward pass and the loss; gives what a backward pass begins with."""
    held = [*problem.trainable, *problem.others]

    def objective(values, x, y):
        scope = list(zip(held, values, strict=True))
        with keras.StatelessScope(state_mapping=scope, collect_losses=True):
            return entered(run, problem, recorder, x, y, _mark)

    closed = jax.make_jaxpr(objective)([v.value for v in held], problem.x, problem.y)
    inputs = [Tensor(v.value, weight=v.path) for v in held]
    weights = inputs[: len(problem.trainable)]
    for one in weights:
        one.active = one.is_float
    inputs += [Tensor(array, data=True) for array in jax.tree.leaves((problem.x, problem.y))]
    walk = Walk(recorder)
    return walk, weights, walk.closed(closed, inputs, Place("forward"))


def _mark(number):
    return jax.named_scope(LOSS if number is None else f"{LAYER}{number}")


def locate_constraint(constraint: Any, variable: Any, value: Any) -> Operation | None:
    """As `constrainit.doctor.trace.locate_constraint`."""
    recorder = Recorder()
    value = ops.convert_to_tensor(value)

    def call(value):
        with keras.StatelessScope(state_mapping=[(variable, value)]):
            return ops.convert_to_tensor(entered(constraint, variable))

    closed = jax.make_jaxpr(call)(value)
    found = Walk(recorder).closed(
        closed, [Tensor(value, weight=variable.path)], Place("constraint")
    )
    step = _blame.first_fault_of_constraint([one.value for one in found])
    return None if step is None else _blame.as_operation(recorder, step)
