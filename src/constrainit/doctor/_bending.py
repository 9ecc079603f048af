"""Targets that bend down where the model can only bend up."""

from typing import NamedTuple

import keras
import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._signs import nonnegative_kernels
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_CONVEX = ("relu", "leaky_relu", "softplus", "elu")
"""Activations that rise and bend up, of which sums without a minus do the same."""

_PAIRS = 200
_ROUNDING = 1e-4
_BENDS = 0.2
"""What of the squares that a plane leaves squares of the inputs take away of targets that bend."""

_STEPS = 150
_LOWER = 1 / 3


class BendingEvidence(NamedTuple):
    """A model that can only bend up, of targets that bend down.

    Attributes:
        record: The first kernel that may not be negative.
        layers: The layers whose activation bends up.
        activation: Its name.
        share: What of the squares that a plane leaves of the targets their bend down explains.
        steps: How many steps were taken with either activation.
        losses: The loss of examples that are not trained on: before, after these steps, and after
            as many with tanh.
    """

    record: WeightRecord
    layers: list[str]
    activation: str
    share: float
    steps: int
    losses: tuple[float, float, float]


def bending(problem: Problem, evidence: Evidence, start: Values) -> BendingEvidence | None:
    """A model of kernels that may not be negative, whose activations are what it can not learn by.

    With a ReLU each output is a convex function of the inputs. Asked where it is found to be one at
    the middle of pairs of examples, and where the targets are better told by squares of the inputs
    that bend down; and where the same model learns them with tanh, which bends both ways.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    kernels = [] if evidence.trained else nonnegative_kernels(problem, evidence)
    if not kernels or not can_be_halved(problem):
        return None
    curved = _curved(problem.model)
    activation = curved[0].activation.__name__ if curved else ""
    x, y = (to_numpy(one).astype("float64") for one in (problem.x, problem.y))
    if not curved or y.size != len(x) or not np.isfinite(x).all() or not np.isfinite(y).all():
        return None
    share = _bend(x, y.ravel())
    if share < _BENDS:
        return None
    with tried(problem, "another activation is"):
        if not _is_convex(problem.model, x):
            return None
        halves = Halves(problem, start)
        first, given = halves.loss(), halves.train(_STEPS)
        for layer in curved:
            layer.activation = keras.activations.tanh
        losses = first, given, Halves(problem, start).train(_STEPS)
        if np.isfinite(losses).all() and 0 < losses[2] < _LOWER * given:
            names = [layer.name for layer in curved]
            return BendingEvidence(kernels[0], names, activation, share, _STEPS, losses)
    return None


def _curved(model):
    """The layers with an activation that is convex and rises; none where another is not linear."""
    found = []
    for layer in model._flatten_layers(include_self=False):
        activation = getattr(layer, "activation", None)
        name = getattr(activation, "__name__", "")
        if name in _CONVEX and activation is getattr(keras.activations, name):
            found.append(layer)
        elif activation is not None and activation is not keras.activations.linear:
            return []
    return found


def _bend(x, y):
    """What share of the squares that a plane leaves a bend down explains; 0 for a bend up."""
    scaled = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    if len(y) < 4 * (2 * x.shape[1] + 1):
        return 0.0
    plane = np.column_stack([np.ones(len(y)), scaled])
    squares = np.column_stack([plane, scaled**2])
    bend = np.linalg.lstsq(squares, y, rcond=None)[0][-x.shape[1] :]
    down = np.minimum(bend, 0.0)
    if not -down.sum() > 2 * np.maximum(bend, 0.0).sum():
        return 0.0
    before, after = (
        np.square(y - a @ np.linalg.lstsq(a, y, rcond=None)[0]).sum() for a in (plane, squares)
    )
    return float(1 - after / before) if before > 0 else 0.0


def _is_convex(model, x):
    """Whether what the model gives half way between examples is never above the mean of both."""
    draws = np.random.default_rng(0)
    one, other = (x[draws.integers(0, len(x), _PAIRS)] for _ in range(2))
    given = [
        to_numpy(model(v.astype("float32"))).reshape(_PAIRS, -1)
        for v in (one, other, (one + other) / 2)
    ]
    above = given[2] - (given[0] + given[1]) / 2
    return bool(above.max() <= _ROUNDING * np.abs(given[0]).max(initial=0.0))
