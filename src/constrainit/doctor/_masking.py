"""Steps of sequences that a mask hides between those that it shows: numbers of the data."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._entering import note_in_prediction
from constrainit.doctor._statistics import to_numpy

_MANY = 0.25
"""Of what is missing within a sequence so much may be hidden; padding is at its ends."""

_STILL = 1e-4


@dataclass(frozen=True)
class MaskedEvidence:
    """A layer whose mask hides steps of the data.

    Attributes:
        layer: The layer, a `Masking` or a table that masks zeros.
        number: What it takes for padding.
        hidden: The share of the steps that it hides.
        between: The same of those between the first and the last that it shows.
        empty: The share of the sequences that it hides as a whole.
        peak: The largest number that it is given.
    """

    layer: Any
    number: float
    hidden: float
    between: float
    empty: float
    peak: float


def masked(problem: Any, evidence: Any) -> MaskedEvidence | None:
    """A layer that masks steps between others, or most sequences as a whole, where there is one.

    Asked only where an output is the same for all examples.
    """
    layers = [one for one in problem.model._flatten_layers() if _masks(one)]
    still = any(output.spread <= _STILL * output.peak for output in evidence.outputs_last)
    if not (layers and still and evidence.varies) or problem.drawn:
        return None
    found: list[MaskedEvidence] = []

    def note(layer, inputs):
        made = _seen(layer, to_numpy(inputs))
        if made is not None:
            found.append(made)

    note_in_prediction(problem, layers, note)
    return found[0] if found else None


def _masks(layer):
    table = isinstance(layer, keras.layers.Embedding) and layer.mask_zero
    return table or isinstance(layer, keras.layers.Masking)


def _seen(layer, value):
    """What its mask hides; None if that is hardly more than what lies at the ends."""
    number = float(layer.mask_value) if isinstance(layer, keras.layers.Masking) else 0.0
    shown = value != number
    if isinstance(layer, keras.layers.Masking):
        shown = shown.any(axis=-1)
    if shown.ndim != 2:
        return None
    before, after = (
        np.maximum.accumulate(part, axis=1) for part in (shown, np.flip(shown, axis=1))
    )
    within = before & np.flip(after, axis=1)
    empty = float(np.mean(~shown.any(axis=1)))
    between = float(np.mean(~shown[within])) if within.any() else 0.0
    if between < _MANY and empty < 1 - _MANY:
        return None
    peak = float(np.abs(value).max(initial=0.0))
    return MaskedEvidence(layer, number, float(np.mean(~shown)), between, empty, peak)
