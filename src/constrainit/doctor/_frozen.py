"""Models that are frozen: as a whole, with layers that were switched on again, or all of them."""

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
        meant: Whether the layers are set to be trained; else the last one, which is not, stands
            for what may be.
    """

    model: keras.Model
    layers: list[Any]
    frozen: list[Any]
    record: WeightRecord
    whole: bool
    meant: bool = True


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


def all_frozen(model: keras.Model, weights: list[WeightRecord]) -> list[FrozenEvidence]:
    """A compiled model all weights of which were to be trained and are frozen, or nothing.

    What was never to be trained, such as the statistics of a normalization, does not count.
    """
    if not model.compiled or model.trainable_variables:
        return []
    owned = [
        layer for layer in model.layers
        if any(part._trainable_variables for part in layer._flatten_layers())
    ]  # fmt: skip
    kept = {id(v) for layer in owned[-1:] for v in layer.variables}
    first = next((r for r in weights if id(r.variable) in kept), None)
    if first is None:
        return []
    return [FrozenEvidence(model, owned[-1:], owned[:-1], first, whole=True, meant=False)]
