"""Losses of the user's own that take predictions first, where Keras gives targets first."""

import inspect
import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Values, put
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy

_PREDICTIONS = re.compile(r"(^|_)(y_?)?(pred|preds|predicted|predictions?|hat)($|_)")
_TARGETS = re.compile(r"(^|_)(y_?)?(true|targets?|labels?)($|_)")
_SAME = 1e-3


@dataclass(frozen=True)
class TurnedEvidence:
    """A loss whose arguments are named in the other order than that in which Keras gives them.

    Attributes:
        place: Which of the model's losses it is.
        name: What it is called.
        names: Its first two arguments.
        losses: Its mean as Keras calls it, and with the two the other way around.
    """

    place: int
    name: str
    names: tuple[str, str]
    losses: tuple[float, float]


def turned(problem: Problem, evidence: Evidence, start: Values) -> list[TurnedEvidence]:
    """The losses that take predictions first by their names, and are not the same either way.

    One that is not finite the other way around is left as it is. Where the weights are not finite
    any more, they are what they were at the start.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    if evidence.faults or (evidence.fault_step is not None and not start):
        return []
    found, losses = [], problem.losses()
    named = {place: names for place, one in enumerate(losses) if (names := _names(one))}
    targets = keras.tree.flatten(problem.y)
    if not named or len(targets) != len(losses):
        return []
    with borrowed(problem.model):
        put(start if evidence.fault_step is not None else [])
        predictions = keras.tree.flatten(problem.model(problem.x, training=False))
    for place, names in named.items():
        pair = targets[place], predictions[place]
        if tuple(pair[0].shape) != tuple(pair[1].shape):
            continue
        target = ops.cast(pair[0], pair[1].dtype)
        function = function_of(losses[place])
        given, other = (
            float(np.mean(to_numpy(ops.stop_gradient(function(*both)))))
            for both in ((target, pair[1]), (pair[1], target))
        )
        apart = abs(given - other) > _SAME * max(abs(given), abs(other))
        if np.isfinite(other) and (apart or not np.isfinite(given)):
            found.append(TurnedEvidence(place, name_of(losses[place]), names, (given, other)))
    return found


def function_of(loss: Any) -> Any:
    """What a loss calls with targets and predictions."""
    return getattr(loss, "fn", None) or loss.call


def name_of(loss: Any) -> str:
    """The name of a loss in the code that it comes from: that of its function, or of its class."""
    named = getattr(function_of(loss), "__qualname__", type(loss).__name__)
    return named.removesuffix(".call").split(".")[-1]


def _names(loss):
    """The first two arguments of a loss of the user's own, if predictions come first; else None."""
    function = None if loss is None else function_of(loss)
    if not inspect.isroutine(function) or function.__module__.split(".")[0] == "keras":
        return None
    first = list(inspect.signature(function).parameters)[:2]
    if len(first) < 2:
        return None
    is_turned = _PREDICTIONS.search(first[0]) and _TARGETS.search(first[1])
    return (first[0], first[1]) if is_turned else None
