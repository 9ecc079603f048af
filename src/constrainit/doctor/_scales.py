"""Layers that normalize by the mean and the variance of data, and have not seen such data."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._entering import note_in_prediction
from constrainit.doctor._statistics import to_numpy

_LARGE = 10.0
"""Inputs of up to this size need no scaling."""

_APART = 1e-3
"""How far from a mean, relative to it, a number must be to be another one."""


@dataclass(frozen=True)
class ScaleEvidence:
    """A normalization that does not fit what it is given.

    Attributes:
        layer: The layer.
        given: What it is given.
        flat: How many of its variances are zero although the batch differs from the mean there.
        units: How many variances there are.
        size: The largest magnitude that it is given.
        peak: The largest magnitude that it gives.
    """

    layer: Any
    given: np.ndarray
    flat: int
    units: int
    size: float
    peak: float


def unfit(problem: Any) -> list[ScaleEvidence]:
    """The normalizations that were not adapted, or to data without the variation of the batch."""
    kept = [
        layer for layer in problem.model._flatten_layers()
        if isinstance(layer, keras.layers.Normalization) and layer.built and not layer.invert
    ]  # fmt: skip
    given: dict[int, np.ndarray] = {}
    note_in_prediction(
        problem, kept, lambda layer, inputs: given.setdefault(id(layer), to_numpy(inputs))
    )
    found = [_judged(layer, given[id(layer)]) for layer in kept if id(layer) in given]
    return [one for one in found if one is not None]


def _judged(layer, given):
    mean, variance = to_numpy(layer.mean), to_numpy(layer.variance)
    if not given.size or not np.isfinite(given).all():
        return None
    least = keras.config.epsilon()
    away = np.abs(given - mean)
    other = away > _APART * np.maximum(np.abs(mean), 1.0)
    flat = np.broadcast_to(np.sqrt(variance) <= least, given.shape) & other
    units = variance.size
    columns = int(flat.reshape(-1, units).any(axis=0).sum()) if flat.size % units == 0 else 1
    size = float(np.abs(given).max())
    peak = float((away / np.maximum(np.sqrt(variance), least)).max())
    fresh = layer.input_mean is None and not mean.any() and (variance == 1.0).all()
    if not flat.any() and not (fresh and size > _LARGE):
        return None
    return ScaleEvidence(layer, given, columns if flat.any() else 0, units, size, peak)
