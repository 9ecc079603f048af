"""Layers that a wrapper of Keras has made from the config of the one that it was given."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from constrainit.doctor._evidence import ConstraintEvidence


def note_rebuilt(model: keras.Model, constraints: Iterable["ConstraintEvidence"]) -> None:
    """Notes which constrained weights are in such layers, and of which wrapper.

    `Bidirectional` makes its forward layer so, and the backward one unless it was given, too.
    """
    within: dict[int, str] = {}
    for wrapper in model._flatten_layers():
        if isinstance(wrapper, keras.layers.Bidirectional):
            forward, backward = wrapper.forward_layer, wrapper.backward_layer
            name = forward.name.removeprefix("forward_")
            made = [forward, *([backward] if backward.name == f"backward_{name}" else [])]
            within |= {id(v): wrapper.name for layer in made for v in layer.variables}
    for made in constraints:
        made.rebuilt_by = within.get(id(made.record.variable), "")
