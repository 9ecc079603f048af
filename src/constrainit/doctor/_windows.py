"""Windows of a gradient in the user's own code, outside of which nearly all of a signal lies."""

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
from constrainit.doctor._recording import is_float, runs_own_code
from constrainit.doctor._sharp import losses_of_seen, trains_better
from constrainit.doctor._statistics import to_numpy

_MOST = 0.8
"""Of how many numbers it is so where a window cuts nearly all of a gradient off."""

_WIDER = 2.0
"""How many times as wide as half of the window the signal is at least."""

_HALVED = 0.5
_STEPS = 50

_FUNCTIONS: tuple[tuple[Any, str, tuple[float, float] | None], ...] = (
    (backend.numpy, "clip", None),
    (backend.nn, "hard_tanh", (-1.0, 1.0)),
    (backend.nn, "hard_sigmoid", (-3.0, 3.0)),
)
"""What has a gradient between two bounds alone; None where these are its arguments."""


@dataclass(frozen=True)
class WindowsEvidence:
    """Calls that cut the gradient of nearly all of a signal, with which less of it trains.

    Attributes:
        layers: The names of the layers that call it, in order.
        source: The user's own line, where one is known.
        function: What is called.
        bounds: Between which a gradient comes through.
        share: The share of the numbers that lie outside.
        size: The root of their mean square.
        scale: What they were multiplied by.
        steps: How many steps were taken with each.
        losses: The loss of the examples that are trained on: at the start, after the steps as
            given, and after those with a smaller signal.
    """

    layers: list[str]
    source: Source | None
    function: str
    bounds: tuple[float, float]
    share: float
    size: float
    scale: float
    steps: int
    losses: tuple[float, float, float]


@dataclass(frozen=True)
class _Call:
    """A call: in which layer, on which line, its bounds, how much is outside, and how large."""

    layer: Any
    source: Source | None
    function: str
    bounds: tuple[float, float]
    outside: float
    square: float


def windows(problem: Problem, evidence: Evidence, start: Values) -> WindowsEvidence | None:
    """The line that cuts the gradient of nearly all it is given, where a smaller signal trains.

    None where the loss halves in the steps, and in a model that has been trained before.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    losses = evidence.losses
    slow = bool(losses) and losses[-1] > _HALVED * losses[0]
    if not own or not slow or evidence.trained or evidence.own is not None:
        return None
    if not can_be_halved(problem):
        return None
    with tried(problem, "a smaller signal where a gradient is cut off is"):
        put(start)
        for place, calls in by_place(_narrow(problem, own)).items():
            share = float(np.mean([one.outside for one in calls]))
            size = math.sqrt(float(np.mean([one.square for one in calls])))
            low, high = calls[0].bounds
            half = (high - low) / 2
            if share <= _MOST or size < _WIDER * half:
                continue
            scale = float(f"{half / size:.2g}")
            first, given, longer = losses_of_seen(Halves(problem, start), _STEPS, 2)
            with _smaller(own, place, scale):
                _, other = losses_of_seen(Halves(problem, start), _STEPS, 1)
            if trains_better(first, given, longer, other):
                named = list(dict.fromkeys(one.layer.name for one in calls))
                return WindowsEvidence(
                    named, calls[0].source, calls[0].function, calls[0].bounds, share, size, scale,
                    _STEPS, (first, given, other),
                )  # fmt: skip
    return None


def _narrow(problem, own):
    """The calls that are given numbers which differ from example to example, about zero."""
    calls: list[_Call] = []
    size = len(problem.x) if hasattr(problem.x, "shape") else None

    def noting(name, known):
        def noted(layer, function, x, *args, **more):
            # In a loop or a function that a backend traces there are no numbers.
            with contextlib.suppress(Exception):
                low, high = known or _ends(*args, **more)
                taken = to_numpy(ops.convert_to_tensor(x)).astype("float64")
                of_examples = taken.ndim > 1 and size in (None, len(taken))
                if is_float(x) and of_examples and low <= 0 <= high and np.isfinite(taken).all():
                    outside = float(((taken < low) | (taken > high)).mean())
                    varies = bool(np.ptp(taken, axis=0).any())
                    line = running_line(above=(__file__, "windows"))
                    square = float(np.mean(np.square(taken)))
                    made = _Call(layer, line, name, (low, high), outside, square)
                    calls.extend([made] if varies else [])
            return function(x, *args, **more)

        return noted

    with _each(own, noting):
        problem.model(problem.x, training=False)
    return calls


def _ends(x_min, x_max):
    """Both bounds of a clip, which must be finite numbers."""
    low, high = float(x_min), float(x_max)
    if not math.isfinite(high - low):
        raise ValueError("a side is open")
    return low, high


@contextlib.contextmanager
def _each(own: list[Any], making: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for module, name, known in _FUNCTIONS:
            stack.enter_context(instead(module, name, own, making(name, known)))
        yield


@contextlib.contextmanager
def _smaller(own: list[Any], place: Any, scale: float) -> Iterator[None]:
    """What is given at a place is scaled for a while."""

    def scaling(name, known):
        def scaled(layer, function, x, *args, **more):
            line = running_line(above=(__file__, "windows"))
            at = place_of(layer, line) == place
            return function(x * scale if at else x, *args, **more)

        return scaled

    with _each(own, scaling):
        yield
