"""TensorFlow: an eager step; constraints are also traced, as `fit` would trace them."""

import contextlib
import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.tensorflow.trainer import TFEpochIterator

from constrainit.doctor import _statistics
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._state import attribute
from constrainit.doctor.engines import _eager
from constrainit.doctor.engines._eager import (
    call_constraint,
    groups,
    keep_updated,
    looked,
    own_step,
    transformation,
)
from constrainit.doctor.engines._result import as_tensor, norm_at_once

__all__ = [
    "QUICKER", "build_for_fit", "call_constraint", "compile_constraints", "compile_step",
    "compiled_step", "computed_from", "groups", "is_memory_of", "keep_updated", "kept_gradients",
    "look", "looked", "own_step", "set_aside", "square", "summarize", "trace_own_step",
    "transformation", "whole_step",
]  # fmt: skip

QUICKER = 3.0
"""By how many times at least a compiled step is quicker than one that takes tenths of a second."""


def summarize(value, activation):
    """The statistics of an output; a layer's own `tf.function` has no values yet."""
    found = None
    if tf.executing_eagerly():
        found = _statistics.summarize_array(tf.cast(value, "float32").numpy(), activation)
    return _statistics.summarize(value, activation) if found is None else found


def look(value, activation):
    """As `summarize`; None inside of a `tf.function`, where there are no values yet."""
    return summarize(value, activation) if tf.executing_eagerly() else None


def square(wide):
    """As `_jax.square`, by NumPy: TensorFlow takes a hundred times as long to begin a product."""
    flat = np.ravel(wide.numpy())
    with np.errstate(over="ignore", invalid="ignore"):  # a sum that is infinite is a finding
        return np.dot(flat, flat)


def build_for_fit(model, data):
    """As `_eager.build_for_fit`: `fit` builds nothing beforehand."""


def compiled_step(model):
    """As `_jax.compiled_step`; the variables change."""
    if model.train_function is None:
        return None

    def step(data):
        parts = data if isinstance(data, tuple) else (data,)
        given = dict(zip(("x", "y", "sample_weight"), parts, strict=False))
        batches = TFEpochIterator(
            **given, batch_size=len(keras.tree.flatten(data)[0]),
            distribute_strategy=model.distribute_strategy,
            steps_per_execution=model.steps_per_execution,
        )  # fmt: skip
        for _, _, iterator in batches.enumerate_epoch():
            model.train_function(iterator)
        return {id(v): v.numpy() for v in model.trainable_variables}

    return step


def trace_own_step(model, data):
    """As `_jax.trace_own_step`."""
    if not model.run_eagerly:
        tf.function(lambda: model.train_step(data), autograph=False).get_concrete_function()


def computed_from(tensor, variables):
    """As `_torch.computed_from`: a tensor does not know what it was computed from."""
    return []


def is_memory_of(tensor, variables):
    """As `_torch.is_memory_of`: what is assigned to is replaced."""
    return False


def kept_gradients(variables):
    """As `_torch.kept_gradients`: none are kept."""
    return []


def set_aside(model):
    """As `_torch.set_aside`: everything is a variable or an attribute."""
    return contextlib.nullcontext()


@tf.custom_gradient
def _watched(value, sink):
    """`value`; the gradient that comes back to it leaves its norm as the gradient of `sink`."""
    return tf.identity(value), lambda gradient: (gradient, norm_at_once(gradient))


def _tapped(value, sink):
    """`value`, watched; Keras computes a loss of the logits that it finds beside an output."""
    watched: Any = _watched(value, sink)
    logits = getattr(value, "_keras_logits", None)
    if logits is not None:
        watched._keras_logits = _watched(logits, sink)
    return watched


def compile_step(problem):
    """As `_jax.compile_step`; the gradient of a table is its rows, which no NaN is found in."""
    applied = _eager.applied if problem.model.run_eagerly else _applying()
    return _eager.compile_step(_gradients, tf.convert_to_tensor, applied)


def _applying():
    """As `_eager.applied`, compiled from the second time on.

    Of the dozen operations that an update takes for each variable, each is begun by itself
    otherwise.
    """
    programs: dict[Any, Any] = {}

    def applied(optimizer, gradients, trainable):
        given = [pair for pair in zip(gradients, trainable, strict=True) if pair[0] is not None]
        if len(given) < len(trainable) or any(v.constraint is not None for v in trainable):
            # Of what is the user's own, and of what Keras warns, nothing is hidden.
            return _eager.applied(optimizer, gradients, trainable)
        key = id(optimizer), *_numbers(optimizer), *_numbers(inner_of(optimizer))
        if key not in programs:
            programs[key] = None
            return _eager.applied(optimizer, gradients, trainable)
        if programs[key] is None:
            programs[key] = tf.function(
                lambda found: optimizer.apply(found, trainable), autograph=False
            )
        return programs[key](gradients)

    return applied


def _numbers(optimizer):
    """What a compiled update has of an optimizer once and for all."""
    plain = (bool, int, float, str, type(None))
    return [one for one in sorted(vars(optimizer).items()) if isinstance(one[1], plain)]


def _gradients(problem):
    sinks: list[Any] = []
    with tf.GradientTape() as tape:

        def watch(value, place):
            # A loop calls a layer more often as it runs than as it is traced.
            while len(sinks) <= place:
                sinks.append(tf.zeros(()))
                tape.watch(sinks[-1])
            return _tapped(value, sinks[place])

        loss, outputs = problem.loss(problem.x, problem.y, watch)
        scaled = problem.optimizer.scale_loss(loss)
    weights = [v.value for v in problem.trainable]
    found: Any = tape.gradient(scaled, [weights, sinks])
    return loss, outputs, *found


def whole_step(problem, constraints=None):
    """A function that takes a step, compiled as `fit` does, and gives the loss before it.

    Operation by operation it takes tens of times as long. None if it can not be compiled: what is
    the user's own may be made for `run_eagerly`.

    Args:
        problem: What is trained.
        constraints: The constraints of weights that do not have them; None where weights have them.
    """
    optimizer, trainable = problem.optimizer, problem.trainable
    held: list[Any] = []
    if constraints is not None:
        trained = {id(variable) for variable in trainable}
        records = [r for r in constraints.records if id(r.variable) in trained]
        held = [(r, constraints.of(r.variable)) for r in records]

    def step():
        with tf.GradientTape() as tape:
            loss, _ = problem.loss(problem.x, problem.y, lambda value, place: value)
            scaled = optimizer.scale_loss(loss)
        gradients: Any = tape.gradient(scaled, [v.value for v in trainable])
        if any(gradient is not None for gradient in gradients):
            optimizer.apply(gradients, trainable)
        for record, constraint in held:
            image = as_tensor(constraint(record.variable))
            record.variable.assign(tf.cast(image, record.dtype))
        return loss

    if problem.model.run_eagerly:
        return None
    try:
        with attribute(problem, "_looking", False), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Gradients do not exist")
            program: Any = tf.function(step, autograph=False).get_concrete_function()
    # The user's own code may raise anything; operation by operation it may not.
    except Exception:
        return None
    return lambda: float(program())


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
