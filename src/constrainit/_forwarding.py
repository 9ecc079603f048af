"""The weights of a layer inside of a wrapper, by their names there."""

from typing import Any, Never

import keras


def weight_inside(owner: str, name: str, layer: Any, built: bool) -> Any:
    """A weight of a layer, or None where it was made without.

    Args:
        owner: The name of the class of the wrapper.
        name: Of an attribute that the wrapper itself lacks.
        layer: The layer; None where there is none yet, or the name is private.
        built: Whether the layer has its weights.

    Raises:
        AttributeError: It is no weight; the message tells where to find it.
    """
    if built and _is_weight(layer, name):
        return getattr(layer, name)
    words = f"{owner!r} object has no attribute {name!r}"
    if layer is not None and not built:
        words += ", and has no weights before it is built"
    elif layer is not None and hasattr(layer, name):
        words += f". The layer inside has: write .layer.{name}"
    raise AttributeError(words)


def share_path(wrapper: Any) -> None:
    """A layer of the wrapper's name is one in the paths of weights: no `dense/dense/bias`."""
    if wrapper.layer.name == wrapper.name:
        wrapper.layer._parent_path = wrapper._parent_path


def refuse_as_cell(wrapper: Any) -> Never:
    """Not told: a layer asks its cell for the size of its states, and calls it at each time step.

    Raises:
        ValueError: The layer inside is a cell, for which there would be a map at each time step.
        AttributeError: It is none.
    """
    layer = wrapper.layer
    if isinstance(layer, keras.layers.RNN) or not hasattr(layer, "state_size"):
        raise AttributeError(f"{type(wrapper).__name__!r} object has no attribute 'state_size'")
    named = ", ".join(f"{name}={one!r}" for name, one in wrapper.sets.items())
    raise ValueError(
        "`Reparametrized` must go around `RNN`, not around its cell, which would compute the map "
        f"at each time step. Received: Reparametrized({type(layer).__name__}). Write "
        f"Reparametrized(RNN({type(layer).__name__}(...)), {named})."
    )


def _is_weight(layer, name):
    value = getattr(layer, name, name)
    without = value is None and hasattr(layer, f"{name}_initializer")
    return without or isinstance(value, keras.Variable)
