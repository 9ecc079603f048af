"""Models that are frozen: as a whole, with layers that were switched on again, or all of them."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from constrainit.model import WeightRecord

_FEW = 1e-3
"""The share of the weights up to which next to nothing is trained."""


@dataclass(frozen=True)
class FrozenEvidence:
    """A model that is not trainable, with some layers that are.

    Attributes:
        model: The model, or a part of it that is one.
        layers: Its layers with weights that are set to be trained.
        frozen: Its layers with weights that are not.
        record: The first of the weights that are not trained therefore.
        whole: Whether nothing at all is trained.
        meant: Whether the layers are set to be trained; else the last ones, which are not, stand
            for what may be.
        rest: The weights that are trained, where they are so few that next to nothing is.
    """

    model: keras.Model
    layers: list[Any]
    frozen: list[Any]
    record: WeightRecord
    whole: bool
    meant: bool = True
    rest: tuple[WeightRecord, ...] = ()


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

    What was never to be trained, such as the statistics of a normalization, does not count. Nor
    does a thousandth of the weights that is trained, none of them in the layers at the end.
    """
    if not model.compiled:
        return []
    trained = {id(v) for v in model.trainable_variables}
    rest = tuple(record for record in weights if id(record.variable) in trained)
    few = sum(math.prod(record.shape) for record in rest)
    if few > _FEW * sum(math.prod(record.shape) for record in weights):
        return []
    owned = [
        layer for layer in model.layers
        if any(part._trainable_variables for part in layer._flatten_layers())
    ]  # fmt: skip
    ends = [one for one in owned if one.name in getattr(model, "output_names", ())] or owned[-1:]
    kept = {id(v) for layer in ends for v in layer.variables}
    first = next((r for r in weights if id(r.variable) in kept), None)
    if first is None or kept & trained:
        return []
    others = [
        one for one in owned if one not in ends and not any(id(v) in trained for v in one.variables)
    ]
    return [FrozenEvidence(model, ends, others, first, not rest, meant=False, rest=rest)]
