"""A weight that a layer adds adapters to, or that it quantized, as a log looks at it."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from constrainit._effective import EffectiveRecord, LoraRecord
from constrainit.callbacks._train_function import value_before_step


class Adapted:
    """The weight that a layer multiplies with, in place of a variable that holds it.

    Args:
        record: What computes it.

    Attributes:
        shape: Its shape.
        dtype: Its dtype.
        parts: The variables of the layer.
        trained: One that an optimizer trains; the base where it trains none.
    """

    def __init__(self, record: EffectiveRecord):
        self.record = record
        value, layer = record.value, record.layer
        self.shape = tuple(value.shape)
        self.dtype = keras.backend.standardize_dtype(value.dtype)
        self.parts = layer._trainable_variables + layer._non_trainable_variables
        factors = [v for v in self.parts if v.trainable and v.name.startswith("lora")]
        # The second: at the start it is zero, and the first has no gradient.
        self.trained = factors[-1] if factors else record.variable
        same = isinstance(record, LoraRecord)
        self._layout = getattr(record.variable, "_layout", None) if same else None

    @property
    def value(self) -> Any:
        """The weight."""
        return ops.stop_gradient(self.record.value)

    def given(self, value_of: Callable[[Any], Any]) -> Any:
        """The weight, of the values of the variables."""
        pairs = [(v, ops.convert_to_tensor(value_of(v))) for v in self.parts]
        with keras.StatelessScope(pairs):
            return self.value


def as_tensor(variable: Any) -> Any:
    """What a variable holds, or what stands in its place."""
    return variable.value if isinstance(variable, Adapted) else ops.convert_to_tensor(variable)


def tell_parts(variable: Any) -> None:
    """What is not trained of the variables that a weight is computed from, to a step of JAX.

    An optimizer's part of it knows the variables that are trained and no others. The base of a
    smooth map is what the forward pass has made of it.
    """
    if keras.backend.backend() != "jax":
        return
    if isinstance(variable, Adapted):
        for part in variable.parts:
            if not part.trainable:
                part.assign(value_before_step(part))
    elif (base := getattr(variable, "base", None)) is not None:
        base.assign(value_before_step(base))
        variable.rebase()
