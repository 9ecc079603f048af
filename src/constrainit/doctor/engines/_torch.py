"""PyTorch: an eager step; `fit` runs constraints as they are."""

import contextlib
import copy

import torch

from constrainit.doctor import _statistics
from constrainit.doctor.engines import _eager
from constrainit.doctor.engines._eager import (
    build_for_fit,
    groups,
    keep_updated,
    looked,
    own_step,
    transformation,
)
from constrainit.doctor.engines._result import norm_at_once

__all__ = [
    "QUICKER", "build_for_fit", "call_constraint", "compile_constraints", "compile_step",
    "compiled_step", "computed_from", "groups", "is_memory_of", "keep_updated", "kept_gradients",
    "look", "looked", "own_step", "set_aside", "square", "summarize", "trace_own_step",
    "transformation", "whole_step",
]  # fmt: skip

QUICKER = 1.0
"""As in `_tensorflow`: no step is compiled."""

_SHARED = 1 << 15
"""From so many numbers on PyTorch shares an operation among threads."""

_ASKS_FOR_GRADIENT = "requires grad"
"""What PyTorch says of a tensor that NumPy may not have."""


def summarize(value, activation):
    """As `_statistics.summarize`: by NumPy, which has a call done where PyTorch has begun it."""
    found = _statistics.summarize_array(value.float().cpu().numpy(), activation)
    return _statistics.summarize(value, activation) if found is None else found


def look(value, activation):
    """As `summarize`; None inside of a transformation, where there are no values yet."""
    try:
        return summarize(value, activation)
    # Functions such as `torch.func.grad` and `vmap` hand over wrapped tensors.
    except RuntimeError:
        return None


def square(wide):
    """As `_jax.square`."""
    flat = torch.reshape(wide, (-1,))
    return torch.dot(flat, flat)


def trace_own_step(model, data):
    """As `_jax.trace_own_step`: `fit` takes the step as it is."""


def kept_gradients(variables):
    """Which of the variables hold a gradient once a step is over."""
    return [variable for variable in variables if variable.value.grad is not None]


def computed_from(tensor, variables):
    """The variables that a tensor was computed from, as far as it knows."""
    known, leaves, seen = {id(v.value): v for v in variables}, [], set()
    todo = [tensor.grad_fn]
    while todo:
        step = todo.pop()
        if step is None or step in seen:
            continue
        seen.add(step)
        leaves.append(known.get(id(getattr(step, "variable", None))))
        todo += [one for one, _ in step.next_functions]
    return [one for one in leaves if one is not None]


def is_memory_of(tensor, variables):
    """Whether a tensor is a view of one of the variables, which are assigned to in place."""
    own = tensor.untyped_storage().data_ptr()
    return any(v.value.untyped_storage().data_ptr() == own for v in variables)


def compiled_step(model):
    """As `_jax.compiled_step`: PyTorch compiles anew where a constraint changes."""


@contextlib.contextmanager
def set_aside(model):
    """Puts back what is kept beside the variables: gradients, and PyTorch's own optimizers.

    In between there are no gradients, as in a model that has not been trained yet.
    """
    held = [(variable.value, variable.value.grad) for variable in model.variables]
    native = [
        (part, copy.deepcopy(part.state_dict()))
        for layer in model._flatten_layers() for part in vars(layer).values()
        if isinstance(part, torch.optim.Optimizer)
    ]  # fmt: skip
    for parameter, _ in held:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in held:
            parameter.grad = gradient
        for optimizer, state in native:
            optimizer.load_state_dict(state)


class _Watched(torch.autograd.Function):
    """Its value; the gradient that comes back to it leaves its norm as the gradient of a sink."""

    @staticmethod
    def forward(ctx, value, sink):
        return value.view_as(value)

    @staticmethod
    def backward(ctx, *gradients):
        return gradients[0], norm_at_once(gradients[0])


def compile_step(problem):
    """As `_jax.compile_step`."""
    return _eager.compile_step(_gradients)


def _gradients(problem):
    sinks = []

    # How many there are is known by the run alone: the last one may have broken off.
    def watch(value, place):
        sinks[place:] = [torch.zeros((), requires_grad=True)]
        return _Watched.apply(value, sinks[place])

    def watch_trained(value, place):
        if value.requires_grad:
            return watch(value, place)
        problem.recording.unwatched.add(place)
        sinks[place:] = [torch.zeros((), requires_grad=True)]
        return value

    try:
        loss, outputs = problem.loss(problem.x, problem.y, watch)
    except RuntimeError as error:
        # A layer of the user's own may hand data to NumPy, which takes nothing that is watched.
        if _ASKS_FOR_GRADIENT not in str(error):
            raise
        loss, outputs = problem.loss(problem.x, problem.y, watch_trained)
    problem.operations = problem.operations or _operations(loss)
    _spare_threads(problem)
    weights = [v.value for v in problem.trainable]
    if not loss.requires_grad or not weights:
        return loss.detach(), outputs, [None] * len(weights), [None] * len(sinks)
    scaled = problem.optimizer.scale_loss(loss)
    found = torch.autograd.grad(scaled, [*weights, *sinks], allow_unused=True)
    return loss.detach(), outputs, found[: len(weights)], found[len(weights) :]


def _operations(loss):
    """How many operations with a derivative a loss was computed by."""
    seen, todo = set(), [loss.grad_fn]
    while todo:
        step = todo.pop()
        if step is not None and step not in seen:
            seen.add(step)
            todo += [one for one, _ in step.next_functions]
    return len(seen)


def _spare_threads(problem):
    """Has one thread compute steps of many small operations; `undisturbed` puts the others back.

    Threads that an operation is shared among wait for one another at its end, and take all of a
    processor meanwhile. Where something else runs on it, too, each such end takes milliseconds: a
    hundred times as long as an operation of a cell of a recurrence.
    """
    small = problem.is_small and problem.numbers < _SHARED * problem.operations
    if small and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def compile_constraints(records):
    """As `_jax.compile_constraints`, without gradients, as in the optimizer."""
    apply = _eager.compile_constraints(records)

    def without_gradients(group, values):
        with torch.no_grad():
            return apply(group, values)

    return without_gradients


def call_constraint(record, constraint):
    """As `_jax.call_constraint`."""
    with torch.no_grad():
        _eager.call_constraint(record, constraint)


def whole_step(problem, constraints=None):
    """As `_tensorflow.whole_step`: operation by operation it takes no longer."""
