"""Exponentials in the user's own code that are next to nothing for every example at the start."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from keras.src import backend

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Halves, Values, can_be_halved, put, tried
from constrainit.doctor._own_calls import by_place, instead, place_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import runs_own_code
from constrainit.doctor._statistics import to_numpy

_NOTHING, _MOST = 1e-3, 0.9
"""What is below that is next to nothing, and of how many examples all are where it matters."""

_MASKED = -1e4
"""What is below that is hidden on purpose."""

_STEPS = 100
_TRAINED = 0.5
"""A loss of less than this share of what it was has been trained."""


@dataclass(frozen=True)
class SmallExponentials:
    """Exponentials that are next to nothing at the start, and with which a model trains if larger.

    Attributes:
        layers: The names of the layers that they are computed in.
        source: The user's own line, where one is known.
        share: The share of examples of which all are below a thousandth.
        exponents: The least and the largest exponent, and their mean.
        scale: What the exponents were multiplied by.
        steps: How many steps were taken with each.
        losses: The loss of the examples that are trained on: at the start, after the steps as
            given, and after those with the exponents scaled.
    """

    layers: list[str]
    source: Source | None
    share: float
    exponents: tuple[float, float, float]
    scale: float
    steps: int
    losses: tuple[float, float, float]


@dataclass(frozen=True)
class _Call:
    layer: Any
    source: Source | None
    exponents: np.ndarray


def small_exponentials(
    problem: Problem, evidence: Evidence, start: Values
) -> SmallExponentials | None:
    """The exponentials in layers of the user's own with which a model trains once they are larger.

    None where one of them is more than a thousandth for a tenth of the examples, in a model that
    has been trained before, and where the loss falls with them.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    if not own or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    losses = evidence.losses
    # What has learnt in the steps that were looked at needs no trial.
    if len(losses) > 1 and losses[-1] < _TRAINED * losses[0]:
        return None
    with tried(problem, "a larger exponential is"):
        put(start)
        for place, calls in _at_nothing(problem, own).items():
            exponents = np.concatenate([one.exponents.ravel() for one in calls])
            scale = float(f"{-1 / exponents.mean():.2g}")
            first, given = _losses(Halves(problem, start))
            with _scaled(own, place, scale):
                larger, trained = _losses(Halves(problem, start))
            if _is_learnt(first, given, larger, trained):
                ends = float(exponents.min()), float(exponents.max()), float(exponents.mean())
                names = list(dict.fromkeys(one.layer.name for one in calls))
                return SmallExponentials(
                    names, calls[0].source, _share(calls), ends, scale, _STEPS,
                    (first, given, trained),
                )  # fmt: skip
    return None


def exponents_in(problem: Problem, name: str) -> float:
    """The mean exponent in the layer of a name, as its weights are; zero if it computes none."""
    own = [one for one in problem.model._flatten_layers() if one.name == name]
    given = [one.exponents.ravel() for one in _calls(problem, own)]
    return float(np.concatenate(given).mean()) if given else 0.0


def _losses(halves):
    first = halves.loss_of_seen()
    halves.train(_STEPS)
    return first, halves.loss_of_seen()


def _is_learnt(first, given, larger, trained):
    """Whether steps take far more off the loss with larger ones, and not a change of its meaning.

    A logarithm of a density gets lower by that alone.
    """
    if not np.isfinite([first, larger, trained]).all() or not 0 < first <= 2 * larger:
        return False
    bad = not math.isfinite(given) or (given > _TRAINED * first and trained < _TRAINED * given)
    return bad and trained < _TRAINED * min(first, larger)


def _at_nothing(problem, own):
    """The calls of exponentials by their places, where they are next to nothing."""
    places = by_place(_calls(problem, own))
    return {place: calls for place, calls in places.items() if _share(calls) > _MOST}


def _calls(problem, own):
    calls: list[_Call] = []

    def noted(layer, exp, x):
        # In a loop or a function that a backend traces there are no numbers.
        with contextlib.suppress(Exception):
            numbers = to_numpy(ops.convert_to_tensor(x))
            if numbers.ndim > 1 and np.isfinite(numbers).all():
                line = running_line(above=(__file__, "_calls"))
                calls.append(_Call(layer, line, numbers.astype("float64")))
        return exp(x)

    with instead(backend.numpy, "exp", own, noted):
        problem.model(problem.x, training=False)
    return [one for one in calls if one.exponents.min() > _MASKED]


def _share(calls):
    """The share of examples of which all exponentials are next to nothing."""
    largest = [one.exponents.reshape(len(one.exponents), -1).max(axis=1) for one in calls]
    return float((np.concatenate(largest) < math.log(_NOTHING)).mean())


@contextlib.contextmanager
def _scaled(own: list[Any], place: tuple[type, int], scale: float) -> Iterator[None]:
    """The exponents at a place are scaled for a while."""

    def larger(layer, exp, x):
        line = running_line(above=(__file__, "small_exponentials"))
        return exp(x * scale if place_of(layer, line) == place else x)

    with instead(backend.numpy, "exp", own, larger):
        yield
