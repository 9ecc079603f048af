"""Weights without a constraint that hold NaN or infinity before anything has run."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
import numpy as np

from constrainit.doctor._statistics import as_array
from constrainit.doctor.engines._result import is_finite
from constrainit.model import WeightRecord


class LostStart(NamedTuple):
    """A weight that does not start finite.

    Attributes:
        record: The weight.
        count: How many entries are NaN or infinite.
        place: The index of the first of them.
        value: What it is.
        infinite: Whether none is NaN.
    """

    record: WeightRecord
    count: int
    place: tuple[int, ...]
    value: float
    infinite: bool


def lost_starts(records: Iterable[WeightRecord]) -> list[LostStart]:
    """The weights without a constraint that hold NaN, or infinity where they are trained.

    Infinity in what is not trained may be meant, as in a mask that is added to scores.
    """
    found = []
    for record in records:
        if record.constraint is None and _is_float(record.variable):
            value = None if is_finite(record.variable) else as_array(record.variable)
            if value is not None and (record.variable.trainable or np.isnan(value).any()):
                lost = np.argwhere(~np.isfinite(value))
                first = tuple(int(i) for i in lost[0])
                entry, no_nan = float(value[first]), not np.isnan(value).any()
                found.append(LostStart(record, len(lost), first, entry, no_nan))
    return found


def _is_float(variable: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(variable.dtype)
