"""Layers that each leave some coordinates as they are, and all of them the same ones."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is, is_custom, is_float
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy

_STEPS = 150
_MISSED = 0.1
"""What is missed at least of what is learnt where no coordinate is left by all of the layers."""

_MOST_COLUMNS, _SAME = 256, 1e-5


@dataclass(frozen=True)
class UntouchedEvidence:
    """Coordinates that no layer of a class changes, though others of them are changed.

    Attributes:
        layers: The layers, in order.
        columns: The coordinates, as places along the last axis of what the layers are given.
        varying: The places of all coordinates, which differ from example to example.
        steps: How many steps were taken.
        losses: On examples that are not trained on: at the start, after these steps, and after as
            many where every second layer is given the coordinates in another order.
    """

    layers: list[Any]
    columns: list[int]
    varying: list[int]
    steps: int
    losses: tuple[float, float, float]


def untouched(problem: Problem, evidence: Evidence, start: Values) -> UntouchedEvidence | None:
    """The coordinates that several layers of the user's own all leave as they are, to the bit.

    Asked after the steps, and reported only where the loss falls farther if they take turns.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    if evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    for layers in _alike(problem.model):
        with tried(problem, "another order of coordinates is"):
            found = _left(problem, layers)
            if found is None or not _is_likelihood(problem, layers[-1], found[0]):
                continue
            order = _order(*found)
            if order is None:
                continue
            halves = Halves(problem, start)
            first = halves.loss()
            given = halves.train(_STEPS)
            with _turned(layers, order):
                other = Halves(problem, start).train(_STEPS)
            losses = first, given, other
            if np.isfinite(losses).all() and misses(losses, _MISSED):
                return UntouchedEvidence(layers, *found, _STEPS, losses)
    return None


def _alike(model: keras.Model) -> Iterator[list[Any]]:
    """Two or more layers of a class of the user's own, all of which have weights to train."""
    kinds: dict[type, list[Any]] = {}
    for layer in model._flatten_layers(include_self=False):
        if is_custom(layer) and not isinstance(layer, keras.Model) and layer.trainable_variables:
            kinds.setdefault(type(layer), []).append(layer)
    yield from (layers for layers in kinds.values() if len(layers) > 1)


def _left(problem, layers):
    """The coordinates that all of these leave, and which vary; None if there are none to leave.

    Both are places along the last axis of what the first of the layers is given. What starts there
    as one number, such as a sum of logarithms, is no coordinate.
    """
    inputs = keras.tree.flatten(problem.x)
    if len(inputs) != 1 or not is_float(inputs[0]) or len(inputs[0].shape) < 2:
        return None
    given, made = _given_and_made(problem, layers)
    if given is None or len(made) < len(layers):
        return None
    count = given.shape[-1]
    # What is given is made of the input without a weight, such as with numbers beside it.
    if not 1 < count <= _MOST_COLUMNS or any(value.shape != given.shape for value in made):
        return None
    flat = [value.reshape(-1, count) for value in (given, *made)]
    varies = np.ptp(flat[0], axis=0) > 0
    if not _are_of_the_input(to_numpy(inputs[0]), flat[0][:, varies]):
        return None
    same = np.array([[np.array_equal(v[:, i], flat[0][:, i]) for v in flat] for i in range(count)])
    left = np.flatnonzero(same.all(axis=1) & varies)
    # Where nothing has been changed yet, each may change what it will.
    changed = all((one != before).any() for before, one in itertools.pairwise(flat))
    return (left.tolist(), np.flatnonzero(varies).tolist()) if left.size and changed else None


def _given_and_made(problem, layers):
    """What the first of the layers is given, and what each of them gives, in order of execution."""
    entered, made = [], []

    def noting(call):
        def noted(*args, **kwargs):
            result = call(*args, **kwargs)
            # In a function that a backend traces there are no numbers.
            with contextlib.suppress(Exception):
                first = [keras.tree.flatten(one)[0] for one in ((args, kwargs), result)]
                given, gives = (to_numpy(one) for one in first)
                entered.append(given)
                made.append(gives)
            return result

        return noted

    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(attribute(layer, "call", noting(layer.call)))
        problem.model(problem.x, training=False)
    return (entered[0] if entered else None), made


def _are_of_the_input(x, columns):
    """Whether each of the columns is one of the input, but for a factor and a number."""
    known = x.reshape(-1, x.shape[-1])
    if len(known) != len(columns) or columns.shape[-1] < 2:
        return False
    alike = np.abs(_to_unit_length(known).T @ _to_unit_length(columns))
    return bool((alike.max(axis=0) > 1 - _SAME).all())


def _to_unit_length(columns):
    centered = columns.astype("float64") - columns.mean(axis=0)
    return centered / np.maximum(np.linalg.norm(centered, axis=0), np.finfo("float64").tiny)


def _is_likelihood(problem, last, columns):
    """Whether the loss reads what these coordinates come to, and no targets.

    What a prediction is to see may be passed on, and so may what a likelihood is given.
    """
    order = np.random.default_rng(0).permutation(keras.tree.flatten(problem.x)[0].shape[0])
    mixed = keras.tree.map_structure(lambda y: ops.take(y, order, axis=0), problem.y)
    given = _loss(problem, problem.y)
    if abs(_loss(problem, mixed) - given) > _SAME * abs(given):
        return False
    call = last.call

    def twice(z):
        by = np.ones(z.shape[-1])
        by[columns] = 2.0
        return z * ops.cast(by, z.dtype)

    def doubled(*args, **kwargs):
        return _with_first(call(*args, **kwargs), twice)

    with attribute(last, "call", doubled):
        return abs(_loss(problem, problem.y) - given) > _SAME * abs(given)


def _loss(problem, y):
    return float(to_numpy(ops.stop_gradient(problem.loss(problem.x, y, as_it_is)[0])))


def _order(columns, varying):
    """Of coordinates, the places to take each from; as few as can be of these stay among them."""
    left = set(columns)
    orders = [np.roll(varying, by) for by in range(1, len(varying))]
    stay = [
        sum(one in left for place, one in zip(varying, order, strict=True) if place in left)
        for order in orders
    ]
    best = int(np.argmin(stay)) if stay else 0
    few = bool(stay) and stay[best] < len(columns)
    return dict(zip(varying, orders[best].tolist(), strict=True)) if few else None


@contextlib.contextmanager
def _turned(layers: list[Any], order: dict[int, int]) -> Iterator[None]:
    """For a while every second layer is given the coordinates in another order, and gives them."""
    with contextlib.ExitStack() as stack:
        for layer in layers[1::2]:
            stack.enter_context(attribute(layer, "call", _in_order(layer.call, order)))
        yield


def _in_order(call: Callable[..., Any], order: dict[int, int]) -> Callable[..., Any]:
    back = {taken: place for place, taken in order.items()}

    def taken(by):
        return lambda z: ops.take(z, [by.get(i, i) for i in range(z.shape[-1])], axis=-1)

    def called(x, *args, **kwargs):
        result = call(_with_first(x, taken(order)), *args, **kwargs)
        return _with_first(result, taken(back))

    return called


def _with_first(result, change):
    """What a layer is given or gives, with its first tensor changed."""
    first, *others = keras.tree.flatten(result)
    return keras.tree.pack_sequence_as(result, [change(first), *others])
