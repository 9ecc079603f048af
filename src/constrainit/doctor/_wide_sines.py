"""Sines in hidden layers that start with arguments over many periods: do smaller kernels train?"""

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
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, put, tried
from constrainit.doctor._own_calls import instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import runs_own_code
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_WIDE = 2 * math.pi
"""A deviation of a period: two examples that are near to each other have nothing in common."""

_TRAINED = 0.1
"""A loss of less than this share of what it was has been trained."""

_STEPS = 100
_MISSES, _LOWER = 0.5, 0.25


@dataclass(frozen=True)
class WideSines:
    """Hidden layers whose sines are given numbers over many periods, and should not.

    Attributes:
        source: The user's own line of the first, where one is known.
        kernels: Their kernels, each with how far the arguments of its layer deviate at the start.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others at the start, after these steps, and after as many from
            kernels that are divided by that.
    """

    source: Source | None
    kernels: list[tuple[WeightRecord, float]]
    steps: int
    losses: tuple[float, float, float]


def wide_sines(problem: Problem, evidence: Evidence, start: Values) -> WideSines | None:
    """The hidden layers whose sines start with arguments over many periods, where these do harm.

    The first layer that is trained is left out: features of many frequencies are meant to be drawn
    so. None in a model that has been trained before, and where the loss falls.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    own = [one for one in problem.model._flatten_layers() if _may_hold_sines(one)]
    losses = evidence.losses
    # What has learnt in the steps that were looked at needs no trial.
    trained = len(losses) < 2 or losses[-1] < _TRAINED * losses[0]
    if not own or trained or evidence.trained or evidence.own is not None:
        return None
    if not can_be_halved(problem):
        return None
    with tried(problem, "a start of smaller kernels is"):
        put(start)
        found = _wide(problem, evidence, own)
        if not found:
            return None
        kernels = [(record, spread) for record, spread, _ in found]
        halves = Halves(problem, start)
        first, given = halves.loss(), halves.train(_STEPS)
        smaller = {id(record.variable): spread for record, spread in kernels}
        changed = [(v, ops.divide(value, smaller.get(id(v), 1.0)) if id(v) in smaller else value)
                   for v, value in start]  # fmt: skip
        losses = first, given, Halves(problem, changed).train(_STEPS)
        if misses(losses, _MISSES) or _is_far_lower(losses):
            return WideSines(found[0][2], kernels, _STEPS, losses)
    return None


def _is_far_lower(losses):
    """Whether smaller kernels leave a quarter of a loss that the given ones have not learnt."""
    first, given, smaller = losses
    return given > _TRAINED * first and 0 < smaller <= _LOWER * given


def _may_hold_sines(layer):
    """Whether a layer may call a sine: code of the user's own, or one as its activation."""
    return runs_own_code(layer) or getattr(layer, "activation", None) in (ops.sin, ops.cos)


def _wide(problem, evidence, own):
    """The kernels of hidden layers with wide arguments, each with their deviation and the line."""
    kernels: dict[str, list[WeightRecord]] = {}
    for record in evidence.weights:
        if record.variable.trainable and len(record.shape) > 1:
            kernels.setdefault(record.layer.name, []).append(record)
    order = list(dict.fromkeys(o.layer for o in evidence.outputs if o.layer in kernels))
    found = []
    for layer, arguments, source in _arguments(problem, own):
        spread = float(np.std(arguments))
        if layer.name in order[1:] and np.isfinite(spread) and spread > _WIDE:
            known = {id(record) for record, *_ in found}
            found += [(r, spread, source) for r in kernels[layer.name] if id(r) not in known]
    return found


def _arguments(problem, own) -> Iterator[tuple[Any, np.ndarray, Source | None]]:
    """What sines and cosines are given: the layer, the numbers, and the user's own line."""
    calls = []

    def noted(layer, given, x):
        # In a loop or a function that a backend traces there are no numbers.
        with contextlib.suppress(Exception):
            calls.append((layer, to_numpy(x), running_line(above=(__file__, "_arguments"))))
        return given(x)

    numpy: Any = backend.numpy
    with instead(numpy, "sin", own, noted), instead(numpy, "cos", own, noted):
        problem.model(problem.x, training=False)
    yield from calls
