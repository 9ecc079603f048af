"""Layers that let next to nothing of what they are given through."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from constrainit.doctor._hiding import Hiding, hiding

_CENTERED = (keras.layers.LayerNormalization, keras.layers.GroupNormalization)
_DIVIDED = (keras.layers.UnitNormalization, keras.layers.RMSNormalization)


@dataclass(frozen=True)
class Erasing:
    """A layer behind which the examples of the batch, or their sizes, are not told apart.

    Attributes:
        layer: The layer.
        signs: Whether the sign of what it is given is left.
        hides: What its mask hides, where that is the reason; else it normalizes a single number.
    """

    layer: Any
    signs: bool = False
    hides: Hiding | None = None


def erasing(problem: Any, evidence: Any) -> list[Erasing]:
    """The layers that normalize over a single entry, and attention that sees what is the same.

    Of the first the shapes tell; the latter is asked only where the loss hardly falls.
    """
    layers = problem.model._flatten_layers()
    made = [Erasing(one, signs=not _is_centered(one)) for one in layers if is_of_one(one)]
    return made + [Erasing(one.layer, hides=one) for one in hiding(problem, evidence)]


def is_of_one(layer: Any) -> bool:
    """Whether what a layer normalizes together is one entry, as its shapes tell."""
    # One that is stepped over has a call of its own.
    kind = isinstance(layer, (*_CENTERED, *_DIVIDED)) and "call" not in vars(layer)
    shape = _input_shape(layer) if kind else ()
    if not shape:
        return False
    if isinstance(layer, keras.layers.GroupNormalization):
        entries = math.prod(size or 0 for size in shape[1:])
        return entries == layer.groups
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return math.prod(shape[axis] or 0 for axis in axes) == 1


def _is_centered(layer):
    """Whether it takes the mean away from what it normalizes."""
    return isinstance(layer, _CENTERED)


def _input_shape(layer):
    """The shape that a layer was built for, or is given in the graph of a model; or nothing."""
    shape = (layer.get_build_config() or {}).get("input_shape") if layer.built else None
    if shape:
        return shape
    nodes = getattr(layer, "_inbound_nodes", ())
    given = nodes[0].arguments.keras_tensors if nodes else ()
    return given[0].shape if given else ()
