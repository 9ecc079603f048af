"""Layers of the user's own that compute something else in prediction than what was trained."""

import contextlib
import math
from dataclasses import dataclass
from typing import Any

from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._dropping import dropping_nothing
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import tried
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import as_it_is, is_custom
from constrainit.doctor._state import attribute, snapshot
from constrainit.doctor._statistics import to_numpy

_VISIBLE = 0.1
"""What prediction costs more has to be this share of the loss at the start, at least."""

_EXPLAINED = 0.25
"""What is left of that where the layers at fault compute as in training, at most."""

_DRAWN = 3
_SETTLING = 300
"""Passes in training after which moving statistics with a momentum of 0.99 have settled."""

_MOVES = 0.05
"""Of how far a statistic went, what it still goes in a tenth of these passes if it settles."""


@dataclass(frozen=True)
class InPrediction:
    """Layers of one class without whose difference a model predicts as it was trained.

    Attributes:
        layers: Their names, in the order of the model.
        has_state: Whether they hold variables that are not trained.
        losses: Of the batch, at the same weights: in training, in prediction, and in prediction
            with these layers as in training.
    """

    layers: list[str]
    has_state: bool
    losses: tuple[float, float, float]


def in_prediction(problem: Problem, evidence: Evidence) -> InPrediction | None:
    """The layers of the user's own that make predictions cost twice what was trained.

    Statistics that a pass in training moves are first given the time to settle.

    Args:
        problem: The problem, after the steps.
        evidence: What is known of it.
    """
    groups = _groups(problem.model)
    if not groups or not problem.is_small or evidence.own is not None or not evidence.losses:
        return None
    least = _VISIBLE * abs(evidence.losses[0])
    with tried(problem, "predictions are"), dropping_nothing(problem.model):
        in_training, given = _in_training(problem), loss_now(problem)
        if not _is_worse(in_training, given, least) or not _settled(problem):
            return None
        in_training, given = _in_training(problem), loss_now(problem)
        if not _is_worse(in_training, given, least):
            return None
        for group in groups:
            with contextlib.ExitStack() as stack:
                for one in group:
                    stack.enter_context(attribute(one, "call", _as_in_training(one.call)))
                other = loss_now(problem)
            if other - in_training < _EXPLAINED * (given - in_training):
                names = [one.name for one in group]
                state = any(one.non_trainable_variables for one in group)
                return InPrediction(names, state, (in_training, given, other))
    return None


def _groups(model):
    """The layers of the user's own that ask whether they train, by class, the innermost first."""
    layers = list({id(one): one for one in model._flatten_layers()}.values())
    own = [one for one in layers if is_custom(one) and one._call_has_training_arg]
    groups: dict[type, list[Any]] = {}
    for layer in sorted(own, key=lambda one: len(list(one._flatten_layers()))):
        groups.setdefault(kind_of_layer(layer), []).append(layer)
    order = {id(one): place for place, one in enumerate(layers)}
    return [sorted(group, key=lambda one: order[id(one)]) for group in groups.values()]


def _is_worse(in_training, given, least):
    """Whether a prediction costs twice what training does; NaN where training has no loss."""
    if not math.isfinite(in_training):
        return False
    return not given - in_training <= max(abs(in_training), least)


def _in_training(problem):
    """The loss of the batch in training, of several draws."""
    found = [
        float(to_numpy(problem.loss(problem.x, problem.y, as_it_is)[0])) for _ in range(_DRAWN)
    ]
    return sum(found) / _DRAWN


def _settled(problem):
    """Whether what a pass in training assigns comes to rest in as many passes as are made."""
    states = [one for one in problem.model.non_trainable_variables if "float" in one.dtype]

    def after(passes):
        for _ in range(passes):
            problem.model(problem.x, training=True)
        return [to_numpy(snapshot(one)) for one in states]

    first, once = after(0), after(1)
    if all((one == other).all() for one, other in zip(first, once, strict=True)):
        return True
    near, end = after(_SETTLING * 9 // 10), after(_SETTLING // 10)
    return all(
        abs(last - before).max(initial=0) <= _MOVES * abs(last - begun).max(initial=0)
        for last, before, begun in zip(end, near, first, strict=True)
    )


def _as_in_training(call):
    """A call that is always one of training."""

    def as_in_training(*given, training=None, **others):
        return call(*given, training=True, **others)

    return as_in_training
