"""Softmaxes in the user's own code that pick one entry from the start: does a softer one train?"""

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import keras
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

_TOP = 0.95
"""A share above this is nearly all, and next to no gradient comes through its softmax."""

_MOST = 0.5
"""Of how many rows that is so where a softmax is at its end."""

_MASKED = -1e4
"""What is below that is hidden on purpose."""

_STEPS = 50
_TRAINED = 0.2
"""A loss of less than this share of what it was has been trained."""

_LOWER = 0.5
"""A loss that is lower by that much, in half of the steps, is lower as the softmax is softer."""


@dataclass(frozen=True)
class SharpEvidence:
    """A softmax that gives nearly all to one entry from the start, and trains once it is softer.

    Attributes:
        layers: The names of the layers that it is called in.
        source: The user's own line, where one is known.
        share: The share of its rows of which one entry gets nearly all.
        spread: How far what it is given deviates within a row.
        scale: What that was multiplied by.
        steps: How many steps were taken with each.
        losses: The loss of the examples that are trained on: at the start, after the steps as
            given, and after those with the softer one.
    """

    layers: list[str]
    source: Source | None
    share: float
    spread: float
    scale: float
    steps: int
    losses: tuple[float, float, float]


@dataclass(frozen=True)
class _Call:
    """A call of a softmax: in which layer, on which line, and what it was given, in rows."""

    layer: Any
    source: Source | None
    rows: np.ndarray
    result: np.ndarray


def sharp(problem: Problem, evidence: Evidence, start: Values) -> SharpEvidence | None:
    """The softmax in code of the user's own with which the model trains once it is softer.

    None where most of its rows are no shares of nearly one at the start, where it is what the model
    gives, in a model that has been trained before, and where the loss falls as far with it.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    if not own or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    with tried(problem, "a softer softmax is"):
        put(start)
        places = _at_their_ends(problem, own)
        for place, calls in places.items():
            spread, share = _spread(calls), _share(calls)
            scale = float(f"{1 / spread:.2g}")
            first, given, longer = losses_of_seen(Halves(problem, start), _STEPS, 2)
            with _softer(own, place, scale):
                _, softer = losses_of_seen(Halves(problem, start), _STEPS, 1)
            if trains_better(first, given, longer, softer):
                layers = list(dict.fromkeys(one.layer.name for one in calls))
                losses = (first, given, softer)
                source = calls[0].source
                return SharpEvidence(layers, source, share, spread, scale, _STEPS, losses)
    return None


def losses_of_seen(halves: Halves, steps: int, times: int) -> list[float]:
    """The loss of what is trained on at the start, and after so many times the steps.

    It is no gain of a gradient that is cut off that less can be learnt by heart.
    """
    found = [halves.loss_of_seen()]
    for _ in range(times):
        halves.train(steps)
        found.append(halves.loss_of_seen())
    return found


def trains_better(first: float, given: float, longer: float, other: float) -> bool:
    """Whether the loss gets much lower the other way, and the given one has not trained.

    Args:
        first: The loss at the start.
        given: After some steps as given.
        longer: After twice as many as given.
        other: After some steps the other way.
    """
    if not np.isfinite([first, other]).all() or first <= 0:
        return False
    bad = not math.isfinite(given) or (
        given > _TRAINED * first and other <= _LOWER * given and other < longer
    )
    return bad and other <= _LOWER * first


def _at_their_ends(problem, own):
    """The calls of softmaxes by their places, where most rows are at the end."""
    calls: list[_Call] = []

    def noted(layer, softmax, x, axis=-1):
        result = softmax(x, axis=axis)
        # In a loop or a function that a backend traces there are no numbers.
        with contextlib.suppress(Exception):
            rows, shares = (np.moveaxis(to_numpy(one), axis, -1) for one in (x, result))
            line = running_line(above=(__file__, "sharp"))
            calls.append(_Call(layer, line, rows, shares))
        return result

    with instead(backend.nn, "softmax", own, noted):
        given = problem.model(problem.x, training=False)
    ends = [to_numpy(one) for one in keras.tree.flatten(given) if ops.is_tensor(one)]
    return {
        place: of
        for place, of in by_place(calls).items()
        if _share(of) > _MOST and not any(_is_one_of(one.result, ends) for one in of)
    }


def _is_one_of(result, ends):
    return any(end.shape == result.shape and np.array_equal(end, result) for end in ends)


def _rows(calls):
    """The rows of calls with two entries or more that are not hidden: entries, which, shares."""
    for one in calls:
        size = one.rows.shape[-1]
        rows, shares = one.rows.reshape(-1, size), one.result.reshape(-1, size)
        shown = np.isfinite(rows) & (rows > _MASKED)
        several = shown.sum(axis=-1) > 1
        yield rows[several], shown[several], shares[several]


def _share(calls):
    """The share of rows of which one entry gets nearly all."""
    tops = np.concatenate([shares.max(axis=-1, initial=0.0) for *_, shares in _rows(calls)])
    return float((tops > _TOP).mean()) if tops.size else 0.0


def _spread(calls):
    """The deviation of the entries of a row from each other."""
    parts = [np.var(rows, axis=-1, where=shown, dtype="float64") for rows, shown, _ in _rows(calls)]
    return math.sqrt(float(np.concatenate(parts).mean()))


@contextlib.contextmanager
def _softer(own, place, scale):
    """What the softmaxes at a place are given is scaled for a while."""

    def scaled(layer, softmax, x, axis=-1):
        line = running_line(above=(__file__, "sharp"))
        return softmax(x * scale if place_of(layer, line) == place else x, axis=axis)

    with instead(backend.nn, "softmax", own, scaled):
        yield
