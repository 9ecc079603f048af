"""Layers that were switched on again inside of a model that is frozen as a whole."""

from dataclasses import dataclass
from typing import Any

import keras

from constrainit.model import WeightRecord


@dataclass(frozen=True)
class FrozenEvidence:
    """A model that is not trainable, with some layers that are.

    Attributes:
        model: The model, or a part of it that is one.
        layers: Its layers with weights that are set to be trained.
        frozen: Its layers with weights that are not.
        record: The first of the weights that are not trained therefore.
        whole: Whether nothing at all is trained.
    """

    model: keras.Model
    layers: list[Any]
    frozen: list[Any]
    record: WeightRecord
    whole: bool


def frozen_above(model: keras.Model, weights: list[WeightRecord]) -> list[FrozenEvidence]:
    """The frozen models some layers of which, and not all, are set to be trained.

    To freeze a model freezes its layers: one that is not frozen was switched on afterwards, if
    others still are.
    """
    found = []
    for part in model._flatten_layers():
        if not isinstance(part, keras.Model) or part.trainable:
            continue
        on = [layer for layer in part.layers if any(v.trainable for v in layer.variables)]
        off = [layer for layer in part.layers if layer.variables and layer not in on]
        kept = {id(v) for layer in on for v in layer.variables if v.trainable}
        first = next((r for r in weights if id(r.variable) in kept), None)
        if off and first is not None:
            found.append(FrozenEvidence(part, on, off, first, not model.trainable_variables))
    return found
