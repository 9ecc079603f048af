"""Weights without a constraint that are not finite, which no look at constraints finds."""

from typing import Any

import keras
from keras import ops

from constrainit._effective import effective_records
from constrainit._joint import Member
from constrainit._reparametrized import seen_records
from constrainit.model import WeightRecord, walk

STAYS = (
    "not finite, and without a constraint to draw it from: load weights that were saved while it "
    "was finite (model.load_weights), or build the model anew"
)


def lost_records(model: keras.Model) -> list[WeightRecord]:
    """The weights of a model that obey no rule and are not finite.

    Of a weight that is not trained an infinity may be meant, as in a mask that is added: there it
    is NaN that counts.
    """
    seen = [one.variable for one in seen_records(model)]
    known = {id(one.variable) for one in effective_records(model)}
    # What a weight is computed from is lost with it.
    known |= {id(part) for one in seen for part in (one, one.free, one.base)}
    found = [
        one
        for one in walk(model)
        if id(one.variable) not in known and not isinstance(one.constraint, Member)
    ]
    return [one for one in found if "float" in one.dtype and not _is_sound(one)]


def _is_sound(record: Any) -> bool:
    value = record.value
    # Few operations know the narrowest of floats.
    value = ops.cast(value, "float32") if "float8" in record.dtype else value
    good = ops.isfinite(value) if record.variable.trainable else ops.logical_not(ops.isnan(value))
    return bool(ops.all(good))
