"""Layers that average over the places of an example, until these are all alike."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, put, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import given_in_prediction, is_custom
from constrainit.doctor._state import attribute

_LAYERS = 4
_ALIKE = 0.02
"""Of their size: places that differ by less than this in an example are alike."""

_TOLD = 5.0
"""How many times as much they differ behind the first of the layers."""

_STEPS = 100
_MISSES = 0.5

HALF_OF_SQUARES = 0.5**0.5
"""What a sum of two is multiplied by, to be as large as either."""


@dataclass(frozen=True)
class LevelledEvidence:
    """Layers of one class behind which all places of an example are alike.

    Attributes:
        layers: Them, in the order of execution.
        places: How many places there are.
        differ: By how much these differ, of their size, behind the first layer and the last.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others at the start, after these steps, and after as many with a
            way around each layer.
    """

    layers: list[Any]
    places: int
    differ: tuple[float, float]
    steps: int
    losses: tuple[float, float, float]


def levelled(problem: Problem, evidence: Evidence, start: Values) -> LevelledEvidence | None:
    """The layers that make places alike, where the model trains with a way around each of them.

    Asked where the loss hardly falls, of four layers of one class of the user's own at least.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    known = [one for one in problem.model._flatten_layers(include_self=False) if is_custom(one)]
    kinds = [type(one) for one in known]
    stays = bool(evidence.losses) and hardly_falls(evidence.losses)
    if not stays or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    if max(map(kinds.count, kinds), default=0) < _LAYERS:
        return None
    with tried(problem, "a way around each layer is"):
        put(start)
        given = given_in_prediction(problem.model, problem.x)
        for kind in dict.fromkeys(kinds):
            own = {one.name: one for one in known if type(one) is kind}
            made = [(own[name], value) for name, value in given if name in own and value.ndim == 3]
            differ = [_differ(value) for _, value in made]
            if len(made) < _LAYERS or differ[-1] > _ALIKE or differ[0] < _TOLD * differ[-1]:
                continue
            layers = [layer for layer, _ in made]
            halves = Halves(problem, start)
            first, as_given = halves.loss(), halves.train(_STEPS)
            with around(layers):
                other = Halves(problem, start).train(_STEPS)
            if misses((first, as_given, other), _MISSES):
                places = made[0][1].shape[1]
                losses = (first, as_given, other)
                return LevelledEvidence(layers, places, (differ[0], differ[-1]), _STEPS, losses)
    return None


@contextlib.contextmanager
def around(layers: list[Any]) -> Iterator[None]:
    """For a while what a layer is given is added to what it gives, where that has its shape."""
    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(attribute(layer, "call", with_what_it_is_given(layer.call)))
        yield


def with_what_it_is_given(call: Any) -> Any:
    """A call that adds its first argument to its result, where both are of one shape."""

    def added(x, *args, **kwargs):
        result = call(x, *args, **kwargs)
        same = tuple(getattr(x, "shape", ())) == tuple(result.shape)
        return (x + result) * HALF_OF_SQUARES if same else result

    return added


def _differ(value):
    """By how much the places of an example differ from each other, of their size."""
    numbers = value.astype("float64")
    size = np.sqrt(np.mean(np.square(numbers)))
    return float(np.sqrt(np.mean(numbers.var(axis=1))) / size) if size > 0 else 0.0
