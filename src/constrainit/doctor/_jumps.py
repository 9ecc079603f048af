"""Losses of the user's own that fall by jumps, which no gradient sees."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Cut
from constrainit.doctor._labels import is_own
from constrainit.doctor._problem import Problem
from constrainit.doctor._severed import FLAT, cut_of_predictions
from constrainit.doctor._statistics import to_numpy

_POINTS = 32
_FAR = 0.95
"""How far the way to the targets is gone: a logarithm may be infinite at its end."""

_SEEN = 0.2
"""A loss of which gradients see a larger share learns by that."""

_LEFT = 2 / 3
"""Steps that leave less of a loss have found a gradient that leads somewhere."""

_NO_JUMPS = FLAT | {"stop_gradient", "detach"}
"""What is continuous, or meant to have no gradient."""


@keras.saving.register_keras_serializable("constrainit_doctor")
class _Along(layers.Layer):
    """Gives what lies between two arrays, at a place that is its weight."""

    def __init__(self, start, way):
        super().__init__(dtype="float32")
        self._given = start, way

    def build(self, shape):
        self.place = self.add_weight(shape=(), initializer="zeros", name="place")

    def call(self, x):
        start, way = map(ops.convert_to_tensor, self._given)
        return start + self.place * way


def with_jumps(problem: Problem, evidence: Evidence) -> Cut | None:
    """What cuts off most of the gradient of a loss, which falls on the way to the targets.

    The gradients along that way add up to what a loss without jumps falls by. None where they do,
    where the steps take a third off it, and where no comparison or the like is known that the
    predictions enter.

    Args:
        problem: The problem.
        evidence: What is known of it.
    """
    losses, own = evidence.losses, problem.losses()
    if evidence.fault_step is not None or len(losses) < 2 or len(own) != 1 or not is_own(own[0]):
        return None
    cut = None if losses[-1] < _LEFT * losses[0] else cut_of_predictions(own[0])
    if cut is None or cut.source is None or cut.operation in _NO_JUMPS:
        return None
    if keras.tree.is_nested(problem.y) or keras.tree.is_nested(problem.specs):
        return None
    start = to_numpy(problem.model(problem.x, training=False)).astype("float32")
    way = _FAR * (to_numpy(problem.y).astype("float32") - start)
    if way.shape != start.shape or problem.given_y is None:
        return None
    first, last, seen = _gone(start, way, own[0], problem.seed)
    jumps = np.isfinite([first, last, seen]).all() and first > last
    return (
        replace(cut, way=(first, last, seen)) if jumps and seen < _SEEN * (first - last) else None
    )


def _gone(start: np.ndarray, way: np.ndarray, loss: Any, seed: int) -> tuple[float, ...]:
    """The loss at both ends of a way, and by how much it falls on it by what its gradients say."""
    given = keras.Input(batch_shape=(len(start), 1))
    along = _Along(start, way)
    model = keras.Model(given, along(given))
    x, y = np.zeros((len(start), 1), "float32"), start + way / _FAR
    problem = Problem(model, x, y, loss, keras.optimizers.SGD(1.0), seed, 1)
    problem.set_loss()
    ends, falls = [], []
    for place in (0.0, *((np.arange(_POINTS) + 0.5) / _POINTS), 1.0):
        along.place.assign(place)
        stepped = problem.step()
        ends.append(float(stepped.loss))
        stepped.update()
        falls.append(float(to_numpy(stepped.updated[0])) - place)
    return ends[0], ends[-1], float(np.mean(falls[1:-1]))
