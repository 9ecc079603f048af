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
from constrainit.doctor._recording import as_it_is, given_in_prediction, is_custom, is_float
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
        columns: The coordinates, as places along the last axis.
        count: How many coordinates there are.
        steps: How many steps were taken.
        losses: On examples that are not trained on: at the start, after these steps, and after as
            many where every second layer is given the coordinates in another order.
    """

    layers: list[Any]
    columns: list[int]
    count: int
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
            order = None if found is None else _order(*found)
            if found is None or order is None or not _is_likelihood(problem, layers[-1], found[0]):
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
    """The coordinates that all of these leave, and how many there are; None if there are none."""
    inputs = keras.tree.flatten(problem.x)
    if len(inputs) != 1 or not is_float(inputs[0]) or len(inputs[0].shape) < 2:
        return None
    # A batch of NumPy is wider than what a model makes of it.
    x = to_numpy(ops.cast(inputs[0], layers[0].compute_dtype))
    names = {layer.name for layer in layers}
    count = x.shape[-1]
    if not 1 < count <= _MOST_COLUMNS:
        return None
    given = [
        value
        for name, value in given_in_prediction(problem.model, problem.x)
        if name in names and value.shape == x.shape
    ]
    if len(given) < len(layers):
        return None
    flat = [value.reshape(-1, count) for value in (x, *given)]
    same = np.array([[np.array_equal(v[:, i], flat[0][:, i]) for v in flat] for i in range(count)])
    left = np.flatnonzero(same.all(axis=1) & (np.ptp(flat[0], axis=0) > 0))
    # Where nothing has been changed yet, each may change what it will.
    changed = all((one != before).any() for before, one in itertools.pairwise(flat))
    return (left.tolist(), count) if left.size and changed else None


def _is_likelihood(problem, last, columns):
    """Whether the loss reads what these coordinates come to, and no targets.

    What a prediction is to see may be passed on, and so may what a likelihood is given.
    """
    order = np.random.default_rng(0).permutation(keras.tree.flatten(problem.x)[0].shape[0])
    mixed = keras.tree.map_structure(lambda y: ops.take(y, order, axis=0), problem.y)
    given = _loss(problem, problem.y)
    if abs(_loss(problem, mixed) - given) > _SAME * abs(given):
        return False
    by = np.ones(keras.tree.flatten(problem.x)[0].shape[-1], "float32")
    by[columns] = 2.0
    call = last.call

    def doubled(*args, **kwargs):
        return _with_first(call(*args, **kwargs), lambda z: z * ops.cast(by, z.dtype))

    with attribute(last, "call", doubled):
        return abs(_loss(problem, problem.y) - given) > _SAME * abs(given)


def _loss(problem, y):
    return float(to_numpy(ops.stop_gradient(problem.loss(problem.x, y, as_it_is)[0])))


def _order(columns, count):
    """The places to take coordinates from, so that as few as can be of these stay among them."""
    left = set(columns)
    orders = [np.roll(np.arange(count), by) for by in range(1, count)]
    stay = [sum(int(order[column]) in left for column in columns) for order in orders]
    best = int(np.argmin(stay)) if stay else 0
    return orders[best] if stay and stay[best] < len(columns) else None


@contextlib.contextmanager
def _turned(layers: list[Any], order: np.ndarray) -> Iterator[None]:
    """For a while every second layer is given the coordinates in another order, and gives them."""
    with contextlib.ExitStack() as stack:
        for layer in layers[1::2]:
            stack.enter_context(attribute(layer, "call", _in_order(layer.call, order)))
        yield


def _in_order(call: Callable[..., Any], order: np.ndarray) -> Callable[..., Any]:
    back = np.argsort(order)

    def called(x, *args, **kwargs):
        result = call(ops.take(x, order, axis=-1), *args, **kwargs)
        return _with_first(result, lambda z: ops.take(z, back, axis=-1))

    return called


def _with_first(result, change):
    """What a layer gives, with its first tensor changed."""
    first, *others = keras.tree.flatten(result)
    return keras.tree.pack_sequence_as(result, [change(first), *others])
