"""Steps of sequences that a mask hides between those that it shows: numbers of the data."""

import math
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._beyond import hardly_falls
from constrainit.doctor._entering import note_in_prediction
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, tried
from constrainit.doctor._state import borrowed, operations_of
from constrainit.doctor._statistics import to_numpy

_MANY = 0.25
"""Of what is missing within a sequence so much may be hidden; padding is at its ends."""

_SOME = 0.02
"""Of what lies within sequences so much is hidden at least, where training is to tell."""

_STILL = 1e-4

_STEPS = 100
_MISSED, _LOWER = 0.2, 0.5
"""What is missed at least with the mask, and what is left of its loss without it."""


@dataclass(frozen=True)
class MaskedEvidence:
    """A layer whose mask hides steps of the data.

    Attributes:
        layer: The layer, a `Masking` or a table that masks zeros.
        number: What it takes for padding.
        hidden: The share of the steps that it hides.
        between: The same of those between the first and the last that it shows.
        empty: The share of the sequences that it hides as a whole.
        peak: The largest number that it is given.
        steps: How many steps were taken with the mask, and without; 0 where none were needed.
        losses: On examples that are not trained on: at the start, after the steps with the mask,
            and after those without.
    """

    layer: Any
    number: float
    hidden: float
    between: float
    empty: float
    peak: float
    steps: int = 0
    losses: tuple[float, float, float] = (0.0, 0.0, 0.0)


def masked(problem: Any, evidence: Any) -> MaskedEvidence | None:
    """A layer that masks steps between others, or most sequences as a whole, where there is one.

    Asked only where an output is the same for all examples.
    """
    layers = [one for one in problem.model._flatten_layers() if _masks(one)]
    still = any(output.spread <= _STILL * output.peak for output in evidence.outputs_last)
    if not (layers and still and evidence.varies) or problem.drawn:
        return None
    return next(iter(_found(problem, layers, _MANY)), None)


def masked_in_training(problem: Any, evidence: Any, start: Values) -> MaskedEvidence | None:
    """A layer that masks steps between others, where a model trains far better without the mask.

    Asked where the loss hardly falls.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    layers = [one for one in problem.model._flatten_layers() if _masks(one)]
    if not layers or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    if len(evidence.losses) < 3 or not hardly_falls(evidence.losses):
        return None
    with tried(problem, "training without a mask is"):
        for made in _found(problem, layers, _SOME):
            halves = Halves(problem, start)
            first, given = halves.loss(), halves.train(_STEPS)
            with borrowed(problem.model):
                show_all(problem.model, made)
                other = Halves(problem, start).train(_STEPS)
            losses = first, given, other
            if np.isfinite(losses).all() and misses(losses, _MISSED) and other <= _LOWER * given:
                return replace(made, steps=_STEPS, losses=losses)
    return None


def beyond(masked: MaskedEvidence) -> float:
    """A number that is far from all that a layer is given."""
    return -float(10 ** max(1, math.ceil(math.log10(max(masked.peak, 1.0))) + 1))


def show_all(model: keras.Model, masked: MaskedEvidence) -> None:
    """Takes the mask of a layer away; the model is borrowed.

    A model that is a graph has computed it once for all, by operations of its own.
    """
    layer = masked.layer
    if isinstance(layer, keras.layers.Masking):
        vars(layer)["mask_value"] = beyond(masked)
    else:
        # Keras asks the second one, which the layer has set from the first.
        vars(layer)["mask_zero"] = vars(layer)["_supports_masking"] = False
    given = [node.arguments.args[0] for node in layer._inbound_nodes if node.arguments.args]
    for one in operations_of(model):
        compared = [node.arguments.args[0] for node in one._inbound_nodes if node.arguments.args]
        own = any(x is y for x in compared for y in given)
        if own and type(one).__name__ == "NotEqual":
            vars(one)["call"] = _everywhere


def _everywhere(x, number):
    return ops.ones_like(x, dtype="bool")


def _found(problem, layers, many):
    found: list[MaskedEvidence] = []

    def note(layer, inputs):
        made = _seen(layer, to_numpy(inputs), many)
        if made is not None:
            found.append(made)

    note_in_prediction(problem, layers, note)
    return found


def _masks(layer):
    table = isinstance(layer, keras.layers.Embedding) and layer.mask_zero
    return table or isinstance(layer, keras.layers.Masking)


def _seen(layer, value, many):
    """What its mask hides; None if that is hardly more than what lies at the ends."""
    number = float(layer.mask_value) if isinstance(layer, keras.layers.Masking) else 0.0
    shown = value != number
    if isinstance(layer, keras.layers.Masking):
        shown = shown.any(axis=-1)
    if shown.ndim != 2:
        return None
    before, after = (
        np.maximum.accumulate(part, axis=1) for part in (shown, np.flip(shown, axis=1))
    )
    within = before & np.flip(after, axis=1)
    empty = float(np.mean(~shown.any(axis=1)))
    between = float(np.mean(~shown[within])) if within.any() else 0.0
    if between < many and empty < 1 - _MANY:
        return None
    peak = float(np.abs(value).max(initial=0.0))
    return MaskedEvidence(layer, number, float(np.mean(~shown)), between, empty, peak)
