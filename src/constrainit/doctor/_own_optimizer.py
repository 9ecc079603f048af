"""The optimizer of a problem: a copy of the user's, stepped and put back."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._precision import dtype_of
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines._result import Stepped

CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
"""The arguments of an optimizer that bound its gradients."""


def copied(optimizer: Any, trainable: list[Any]) -> Any:
    """An optimizer like another one, with its state, for the same variables.

    It steps at once where the other one adds up the gradients of several batches first, which on
    one batch again and again is the same.
    """
    optimizer = keras.optimizers.get(optimizer)
    copy = made_anew(optimizer)
    inner = inner_of(copy)
    if gathers(optimizer) > 1:
        inner.gradient_accumulation_steps = None
    copy.build(trainable)
    sums = set(map(id, getattr(inner_of(optimizer), "_accumulated_gradients", ())))
    kept = [v for v in optimizer.variables if id(v) not in sums]
    shapes = [[tuple(v.shape) for v in one] for one in (copy.variables, kept)]
    if optimizer.built and shapes[0] == shapes[1]:
        for own, original in zip(copy.variables, kept, strict=True):
            own.assign(original)
        # The variable counts the batches, the property the updates.
        inner._iterations.assign(inner_of(optimizer).iterations)
    return copy


def made_anew(optimizer: Any) -> Any:
    """An optimizer of the same settings, also where a loss scale is around a class of one's own."""
    kind = type(inner_of(optimizer))
    with keras.saving.custom_object_scope({kind.__name__: kind}):
        return type(optimizer).from_config(optimizer.get_config())


def gathers(optimizer: Any) -> int:
    """Of how many batches an optimizer adds up the gradients for one update."""
    return getattr(inner_of(optimizer), "gradient_accumulation_steps", None) or 1


def inner_of(optimizer: Any) -> Any:
    """The optimizer that a loss scale is around, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def clips_of(optimizer: Any) -> dict[str, float]:
    """The arguments by which an optimizer clips gradients, with their bounds."""
    inner = inner_of(optimizer)
    bounds = {name: getattr(inner, name, None) for name in CLIPS}
    return {name: float(bound) for name, bound in bounds.items() if bound}


def has_stepped(model: Any) -> bool:
    """Whether the optimizer that a model was compiled with has taken steps."""
    optimizer = getattr(model, "optimizer", None)
    iterations = getattr(optimizer, "iterations", None)
    return iterations is not None and int(to_numpy(iterations)) > 0


def unknown(optimizer: Any, trainable: list[Any]) -> list[Any]:
    """The variables that an optimizer which has been built was not built for."""
    own = inner_of(optimizer)
    places = getattr(own, "_trainable_variables_indices", None)
    if not getattr(own, "built", False) or not places:
        return []
    return [variable for variable in trainable if own._var_key(variable) not in places]


def unknown_to_own(problem: Any) -> list[Any]:
    """The trained variables that the optimizer a model was compiled with was not built for."""
    if problem.given_optimizer is not None or not problem.model.compiled:
        return []
    return unknown(problem.model.optimizer, problem.trainable)


@contextlib.contextmanager
def keeping(optimizer: Any) -> Iterator[None]:
    """Restores the variables of an optimizer, the learning rate among them; None has none."""
    held = [] if optimizer is None else [(v, _state(v)) for v in optimizer.variables]
    try:
        yield
    finally:
        for variable, value in held:
            variable.assign(ops.zeros_like(variable) if value is None else value)


def scale_of(optimizer: Any) -> float:
    """The factor by which gradients are larger than those of the loss."""
    scale = getattr(optimizer, "dynamic_scale", None)
    return 1.0 if scale is None else float(to_numpy(scale))


def would_skip(optimizer: Any, found: Stepped) -> bool:
    """Whether a float16 loss scale makes the gradients overflow; halves it, as Keras does."""
    scale = getattr(optimizer, "dynamic_scale", None)
    if scale is None or not np.isfinite(to_numpy(found.loss)) or to_numpy(scale) <= 1:
        return False
    if all(to_numpy(weight)[1] == 0 for weight in found.weights):
        return False
    scale.assign(scale.value / 2)
    return True


def _state(variable):
    """The value of a variable; None for zeros, which fill an optimizer that has not stepped."""
    value = ops.convert_to_tensor(variable)
    zeros = keras.backend.backend() != "jax" and "float" in dtype_of(value) and len(value.shape) > 0
    if zeros and float(ops.max(value)) == 0 == float(ops.min(value)):
        return None
    return snapshot(variable)
