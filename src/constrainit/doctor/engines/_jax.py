"""JAX: one compiled call gives loss, outputs, gradients and updated weights, as in `fit`."""

import jax
import keras
from keras import ops

from constrainit.doctor.engines._result import as_tensor


def _compiled(function):
    """`function` compiled; on a CPU in haste, as it runs once or twice."""
    hasty = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    return jax.jit(function, compiler_options=hasty)


def compile_step(problem):
    """A function that runs one training step without constraints from given weights.

    It gives the loss, the statistics of the outputs, the gradients and the updated weights.
    """
    trainable, others = problem.trainable, problem.others
    optimizer = problem.optimizer

    def objective(values, rest, slots, x, y):
        held = [*trainable, *others, *optimizer.variables]
        scope = list(zip(held, [*values, *rest, *slots], strict=True))
        with keras.StatelessScope(state_mapping=scope, collect_losses=True):
            loss, outputs = problem.loss(x, y)
            return optimizer.scale_loss(loss), (loss, outputs)

    def run(values, rest, slots, x, y):
        (_, (loss, outputs)), gradients = jax.value_and_grad(objective, has_aux=True)(
            values, rest, slots, x, y
        )
        updated, _ = optimizer.stateless_apply(slots, gradients, values)
        return loss, outputs, gradients, updated

    compiled = _compiled(run)

    def step():
        values, rest = [v.value for v in trainable], [v.value for v in others]
        return compiled(values, rest, [v.value for v in optimizer.variables], problem.x, problem.y)

    return step


def compile_constraints(records):
    """A function from the values of weights to what their constraints make of them.

    Each constraint gets the Variable, inside a trace, as the optimizer would call it. The result
    of one that raises is its exception.
    """
    held = {id(record): record.constraint for record in records}

    def call(record, value):
        with keras.StatelessScope(state_mapping=[(record.variable, value)]):
            return as_tensor(held[id(record)](record.variable))

    faults = {}
    for index, record in enumerate(records):
        try:
            jax.eval_shape(lambda value, record=record: call(record, value), record.variable.value)
        # A user's constraint may raise anything; it is reported, with its own line.
        except Exception as exception:
            faults[index] = exception
    sound = [record for index, record in enumerate(records) if index not in faults]
    compiled = _compiled(lambda values: [call(r, v) for r, v in zip(sound, values, strict=True)])

    def apply(values):
        kept = [value for index, value in enumerate(values) if index not in faults]
        results = iter(compiled([ops.convert_to_tensor(value) for value in kept]))
        return [faults[i] if i in faults else next(results) for i in range(len(values))]

    return apply
