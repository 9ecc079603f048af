"""Batch normalizations that are frozen as they were made, and so normalize nothing."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy

_STEPS = 60
_MISSES = 0.5


@dataclass(frozen=True)
class IdentityEvidence:
    """Frozen normalizations with the statistics of new ones, that should be trained.

    Attributes:
        layers: Them, in the order of the model.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others at the start, after these steps, and after as many with the
            layers trained.
    """

    layers: list[Any]
    steps: int
    losses: tuple[float, float, float]


def identities(problem: Problem, evidence: Evidence, start: Values) -> IdentityEvidence | None:
    """The frozen normalizations of new statistics, where the model trains once they are not frozen.

    Asked where the loss hardly falls, or does not stay finite. Left out are those within a frozen
    model or layer: what is around them is not trained, either.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    layers = _frozen(problem.model)
    losses = evidence.losses
    stays = bool(losses) and (hardly_falls(losses) or not np.isfinite(losses).all())
    trained = evidence.trained or evidence.own is not None
    if not layers or not stays or trained or not can_be_halved(problem):
        return None
    with tried(problem, "normalizations that are trained are"):
        halves = Halves(problem, start)
        first, as_given = halves.loss(), halves.train(_STEPS)
        switch_on(layers)
        made = (first, as_given, Halves(problem, start).train(_STEPS))
        if misses(made, _MISSES):
            return IdentityEvidence(layers, _STEPS, made)
    return None


def switch_on(layers: list[Any]) -> None:
    """Lets normalizations be trained, and take the statistics of each batch."""
    for layer in layers:
        layer.trainable = True


def _frozen(model):
    """The frozen normalizations of a mean of 0 and a variance of 1, in what is trained itself."""
    parts = list({id(one): one for one in model._flatten_layers()}.values())
    held = {
        id(inner) for part in parts if not part.trainable
        for inner in part._flatten_layers(include_self=False)
    }  # fmt: skip
    return [
        one for one in parts
        if isinstance(one, keras.layers.BatchNormalization) and one.built and not one.trainable
        and id(one) not in held and _is_new(one)
    ]  # fmt: skip


def _is_new(layer):
    return not to_numpy(layer.moving_mean).any() and bool(
        np.all(to_numpy(layer.moving_variance) == 1)
    )
