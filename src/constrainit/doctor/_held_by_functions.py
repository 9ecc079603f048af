"""Weights that functions of the user's own hold: closures, globals, defaults of arguments."""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import HiddenEvidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom, own_function
from constrainit.doctor._state import snapshot, take_in
from constrainit.doctor._statistics import to_numpy

_STEPS = 100
_MISSED = 0.1
"""The share of what a training that moves them takes off the loss that one without misses."""


def functions_of(layer: Any) -> Iterator[Any]:
    """The functions of the user's own that a layer computes with."""
    given = [own_function(layer)]
    if is_custom(layer):
        given += [type(layer).call, *vars(layer).values()]
    for one in given:
        function = one.func if isinstance(one, functools.partial) else one
        if inspect.isfunction(function):
            yield function


def held_by(function: Any) -> dict[str, Any]:
    """The variables and layers, or lists of them, that a function reads from outside, by name."""
    found: dict[str, Any] = {}
    # What is not bound yet, or a cell without content, is none.
    with contextlib.suppress(Exception):
        outside = inspect.getclosurevars(function)
        found = {**outside.globals, **outside.nonlocals}
        defaults = inspect.signature(function).parameters.values()
        found |= {one.name: one.default for one in defaults}
    return {name: value for name, value in found.items() if _holds_weights(value)}


def _holds_weights(value):
    parts = list(value) if isinstance(value, (list, tuple)) else [value]
    kinds = (keras.Variable, keras.layers.Layer)
    return bool(parts) and all(isinstance(one, kinds) for one in parts)


def with_trainings(
    problem: Problem, hidden: list[HiddenEvidence], start: Values
) -> list[HiddenEvidence]:
    """Those that functions hold, with the losses of trainings that leave and that move them.

    What is read from outside of a layer may be meant to stay, as what a callback sets.

    Args:
        problem: The problem.
        hidden: What is known of hidden weights.
        start: The model's variables, and what they were before any step.
    """
    if not can_be_halved(problem):
        return hidden
    return [_tried(problem, one, start) if one.function else one for one in hidden]


def _tried(problem, made, start):
    weights = [v for part in made.parts for v in weights_of(part)]
    held = [(variable, snapshot(variable)) for variable in weights]
    try:
        with tried(problem, "weights that functions hold are"):
            halves = Halves(problem, start)
            first, given = halves.loss(), halves.train(_STEPS)
            for part in made.parts:
                take_in(made.holder, part)
            # A number of Python's is of a weak type, for which JAX traces a step once more.
            strong = [(v, ops.convert_to_tensor(to_numpy(value))) for v, value in held]
            for variable, value in strong:
                variable.assign(value)
            moved = Halves(problem, [*start, *strong]).train(_STEPS)
            return replace(made, steps=_STEPS, losses=(first, given, moved))
    finally:
        for variable, value in held:
            variable.assign(value)
    return made


def weights_of(part: Any) -> list[Any]:
    """The weights to train of a variable or a layer."""
    if isinstance(part, keras.Variable):
        return [part] if part.trainable else []
    return part.trainable_variables


def is_missed(made: HiddenEvidence) -> bool:
    """Whether the loss falls farther where hidden weights are trained, too."""
    if not made.function:
        return True
    if made.losses is None or not np.isfinite(made.losses).all():
        return False
    return misses(made.losses, _MISSED)
