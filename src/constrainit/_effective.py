"""Weights that a layer computes from others: with LoRA, and quantized to eight or four bits.

Keras keeps the constraint with the variable that it makes the weight from, or forgets it. What has
to obey is the weight that the layer multiplies with, so that is what these records show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from constrainit import _quantized
from constrainit.model import WeightRecord, constrained_records, walk

_ROUNDS = 20
_GIVEN = "_constrainit_given"
"""Where a layer with LoRA has the set of its sum, which its config can not hold."""


def effective_records(model: keras.Model) -> list[WeightRecord]:
    """The records of a model's constrained weights, as its layers use them."""
    made = {id(one.variable): one for one in computed_records(model) if one.given is not None}
    plain = constrained_records(model)
    return [made.pop(id(record.variable), record) for record in plain] + list(made.values())


def computed_records(model: keras.Model) -> Iterator["EffectiveRecord"]:
    """The weights that stand for a base of LoRA or a quantized kernel, constrained or not.

    Weights that were quantized have their constraint from the layer's argument, or from `remember`.
    """
    for record in walk(model):
        layer, name = record.layer, computed_weight(record)
        if getattr(layer, "quantization_mode", None) in _quantized.MODES:
            kind, given = QuantizedRecord, getattr(layer, f"{name}_constraint", None)
            given = vars(layer).get(_GIVEN, given)
        else:
            kind, given = LoraRecord, record.constraint
        if not name or (kind is LoraRecord and not getattr(layer, "lora_enabled", False)):
            continue
        if not getattr(given, "of_several", False):
            yield kind(record.path, record.place, layer, record.variable, record.axes, given)


def remember(record: WeightRecord, constraint: Any) -> None:
    """Keeps the set of a weight with LoRA, whose variable is another one once it is quantized."""
    record.layer.__dict__[_GIVEN] = constraint


def is_adapted(record: WeightRecord) -> bool:
    """Whether a layer adds a product of low rank to this weight."""
    return bool(getattr(record.layer, "lora_enabled", False) and computed_weight(record))


def computed_weight(record: WeightRecord) -> str:
    """The layer's name for a weight that it may compute from this one, or an empty string."""
    for name in ("kernel", "embeddings"):
        if record.variable is getattr(record.layer, f"_{name}", None):
            return name
    return ""


@dataclass(frozen=True)
class EffectiveRecord(WeightRecord):
    """A weight that is computed from others.

    Attributes:
        given: What it obeys.
    """

    given: Any = None

    @property
    def hidden(self) -> str:
        """Why the weight can not be looked at, or an empty string."""
        return ""

    @property
    def constraint(self) -> Any:
        """The layer's constraint."""
        return self.given

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight that the layer uses."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> str:
        """Its dtype."""
        return keras.backend.standardize_dtype(self.value.dtype)


@dataclass(frozen=True)
class LoraRecord(EffectiveRecord):
    """A kernel or table of embeddings with its adaptation of low rank added."""

    @property
    def value(self) -> Any:
        """The sum, as the layer uses it."""
        return ops.convert_to_tensor(getattr(self.layer, computed_weight(self)))

    def assign(self, value: Any) -> None:
        """Moves the frozen part, so that the sum has this value."""
        base = self.variable
        # Twice: the first sum rounds.
        for _ in range(2):
            base.assign(base + ops.cast(value, base.dtype) - ops.cast(self.value, base.dtype))


@dataclass(frozen=True)
class QuantizedRecord(EffectiveRecord):
    """A kernel or table of embeddings that is stored as integers with a scale for each unit."""

    @property
    def hidden(self) -> str:
        """Why the weight can not be looked at, or an empty string."""
        return _quantized.unreadable(self.layer)

    @property
    def value(self) -> Any:
        """The weight that integers and scales stand for, in float32."""
        return _quantized.value_of(self.layer)

    def assign(self, value: Any) -> None:
        """Scales each unit towards its value: the integers can not move by less than a grid step.

        A rule of each unit's size (a norm, a sum) is met by that, one on how entries relate to
        each other (an orthogonal matrix) only as near as the grid allows.
        """
        a_set, last, axes = self.resolved(self.given), float("inf"), _quantized.axes_of(self.layer)
        for _ in range(_ROUNDS):
            now = self.value
            target = value if value is not None else a_set.project(now)
            both, own = (ops.sum(now * one, axis=axes, keepdims=True) for one in (target, now))
            along = both / ops.maximum(own, 1e-30)
            _quantized.rescale(self.layer, ops.where(along > 0, along, 1.0))
            value, outside = None, float(a_set.violation(self.value))
            if outside == 0 or outside > 0.99 * last:
                return
            last = outside
