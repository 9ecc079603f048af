"""Weights of the user's own layers that are made for another axis of what the layer is given."""

from dataclasses import dataclass
from typing import Any

import keras

from constrainit.doctor._frames import layer_in
from constrainit.doctor._recording import is_custom


@dataclass(frozen=True)
class Misbuilt:
    """A weight with the size of an axis that is not the last one, of a layer that raises.

    Attributes:
        layer: The layer.
        name: The name of the weight.
        path: Its path.
        shape: Its shape.
        given: The shape of what the layer is given, with the examples.
        axis: Which axis of that is of the size.
    """

    layer: Any
    name: str
    path: str
    shape: tuple[int, ...]
    given: tuple[int, ...]
    axis: int

    def __str__(self) -> str:
        return (
            f"The weight {self.name!r} of {self.layer.name!r} has the shape {self.shape}, and what "
            f"the layer is given has {self.given}: {self.given[self.axis]} is the size of its axis "
            f"{self.axis}, where the last one has {self.given[-1]}"
        )


def misbuilt(model: keras.Model, exception: BaseException) -> Misbuilt | None:
    """What does not fit in the layer that raised; None if that is not known, or is all as it is."""
    layers = model._flatten_layers(include_self=False)
    name = layer_in(exception, layers)
    for layer in [one for one in layers if one.name == name and is_custom(one)]:
        for variable in layer.variables if layer.built else ():
            shape = tuple(variable.shape)
            for given in _given(layer):
                other = [
                    axis for axis, size in enumerate(given[:-1])
                    if size in shape and given[-1] not in shape
                ]  # fmt: skip
                # Of the examples there may be as many by chance.
                if other:
                    return Misbuilt(layer, variable.name, variable.path, shape, given, other[-1])
    return None


def _given(layer):
    """The shapes that a layer was built for."""
    found = []

    def visit(value):
        if isinstance(value, (list, tuple)) and value and all(isinstance(s, int) for s in value):
            found.append(tuple(value))
        elif isinstance(value, dict):
            visit([*value.values()])
        elif isinstance(value, (list, tuple)):
            for one in value:
                visit(one)

    visit(getattr(layer, "_build_shapes_dict", None))
    return found
