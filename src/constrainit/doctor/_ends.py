"""The layers that the outputs of a model come out of."""

from typing import Any

import keras
from keras import layers

_LAYING_OUT = (
    layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector, layers.Identity,
    layers.Cropping1D, layers.Cropping2D, layers.Cropping3D,
)  # fmt: skip
"""Layers that give numbers as they are given them, in another layout."""

_OPERATIONS = ("Reshape", "Squeeze", "ExpandDims", "Transpose", "Ravel", "GetItem", "Cast")
"""What `keras.ops` has for the same in a functional model."""

_ACTIVATIONS = ("Sigmoid", "Softmax", "HardSigmoid")


def last_layers(model: Any, count: int) -> list[Any]:
    """The layers that the outputs come out of, None where it is not known.

    Those that only lay numbers out are passed over, for what they are given by a layer.

    Args:
        model: The model, or a layer.
        count: How many outputs it has.
    """
    if isinstance(model, keras.Sequential) and model.layers:
        given = [layer for layer in model.layers if not _lays_out(layer)]
        return last_layers(given[-1] if given else model.layers[-1], count)
    if isinstance(model, keras.Model) and getattr(model, "_functional", None) is None:
        outputs = getattr(model, "outputs", None)
        if not outputs or len(outputs) != count:
            return [None] * count
        return [last_layers(_giving(output), 1)[0] for output in outputs]
    if isinstance(model, layers.TimeDistributed) and count == 1:
        return last_layers(model.layer, 1)
    return [model] * count


def activation_of(layer: Any) -> Any:
    """The activation that a layer ends with, or that an operation of a functional model is."""
    if isinstance(layer, layers.Softmax):
        return keras.activations.softmax
    if isinstance(layer, layers.ReLU):
        return keras.activations.relu
    name = type(layer).__name__
    if _is_operation(layer) and name in _ACTIVATIONS:
        return keras.activations.get("hard_sigmoid" if name == "HardSigmoid" else name.lower())
    return getattr(layer, "activation", None)


def _giving(tensor):
    """What a symbolic tensor comes out of, before it is laid out."""
    made = tensor._keras_history.operation
    while _lays_out(made):
        node = tensor._keras_history
        given = made._inbound_nodes[node.node_index].arguments.keras_tensors
        before = given[0]._keras_history.operation if given else None
        if len(given) != 1 or before is None or isinstance(before, layers.InputLayer):
            return made
        tensor, made = given[0], before
    return made


def _lays_out(layer):
    known = _is_operation(layer) and type(layer).__name__ in _OPERATIONS
    return known or isinstance(layer, _LAYING_OUT)


def _is_operation(layer):
    return type(layer).__module__.startswith("keras.src.ops.")
