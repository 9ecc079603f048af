"""TensorFlow: an eager step; constraints are also traced, as `fit` would trace them."""

import tensorflow as tf

from constrainit.doctor.engines import _eager
from constrainit.doctor.engines._result import as_tensor


def compile_step(problem):
    """As `_jax.compile_step`."""
    return _eager.compile_step(problem, _gradients)


def _gradients(problem):
    with tf.GradientTape() as tape:
        loss, outputs = problem.loss(problem.x, problem.y)
        scaled = problem.optimizer.scale_loss(loss)
    return loss, outputs, tape.gradient(scaled, [v.value for v in problem.trainable])


def compile_constraints(records):
    """As `_jax.compile_constraints`."""
    traced = set()

    def trace(constraint, copy):
        if id(constraint) not in traced:
            tf.function(
                lambda: as_tensor(constraint(copy)), autograph=False
            ).get_concrete_function()
            traced.add(id(constraint))

    return _eager.compile_constraints(records, also_traced=trace)
