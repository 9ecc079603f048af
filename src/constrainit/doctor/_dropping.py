"""The layers of a model that drop a part of what they are given, and their rates."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from constrainit.doctor._state import attribute

_ATTENTION = (
    keras.layers.Attention,
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
)
_ARGUMENTS = (
    ((keras.layers.Dropout, keras.layers.GaussianDropout, keras.layers.AlphaDropout), ("rate",)),
    ((DropoutRNNCell,), ("dropout", "recurrent_dropout")),
    (_ATTENTION, ("dropout", "_dropout")),
)
"""The attributes that layers of Keras read a rate from."""

_HOLDERS = (keras.layers.RNN, keras.layers.StackedRNNCells, *_ATTENTION)
"""Layers that make a part of theirs by themselves which drops."""


@dataclass(frozen=True)
class Dropping:
    """One rate.

    Attributes:
        holder: What has it as an attribute.
        name: The attribute.
        layer: The layer that a user has written.
        rate: The share that is dropped.
    """

    holder: Any
    name: str
    layer: Any
    rate: float

    @property
    def argument(self) -> str:
        """The argument of the layer that it was given by."""
        if self.name == "rate" and self.layer is not self.holder:
            return "dropout"
        return self.name.lstrip("_")


def dropping(model: keras.Model) -> list[Dropping]:
    """Every rate in a model that is not zero."""
    layers = list({id(layer): layer for layer in model._flatten_layers()}.values())
    held = {id(o): layer for layer in layers if isinstance(layer, _HOLDERS) for o in layer._layers}
    found = []
    for holder in layers:
        layer = holder
        while id(layer) in held:
            layer = held[id(layer)]
        names = [name for kinds, names in _ARGUMENTS if isinstance(holder, kinds) for name in names]
        for name in names:
            rate = vars(holder).get(name)
            if isinstance(rate, (int, float)) and rate > 0:
                found.append(Dropping(holder, name, layer, float(rate)))
    return found


@contextlib.contextmanager
def dropping_nothing(model: keras.Model) -> Iterator[None]:
    """No layer drops anything for a while."""
    with contextlib.ExitStack() as stack:
        for one in dropping(model):
            stack.enter_context(attribute(one.holder, one.name, 0.0))
        yield
