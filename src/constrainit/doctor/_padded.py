"""Sequences that end in padding which no layer is told of."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._entering import note_in_prediction
from constrainit.doctor._statistics import to_numpy

_MOST = 0.5
"""Sequences of which so much is padding end long after what they say."""

_NEARLY_ALL = 0.9
_FEWEST = 8
_STILL = 1e-4


@dataclass(frozen=True)
class PaddedEvidence:
    """A table whose sequences end in padding, in front of recurrences that are given no mask.

    Attributes:
        table: The layer.
        number: What they are padded with.
        length: Of how many steps at the end of half of the sequences, or more, it is.
        steps: How many steps there are.
        recurrences: The names of the layers.
    """

    table: Any
    number: int
    length: int
    steps: int
    recurrences: list[str]


def padded(problem: Any, evidence: Any) -> PaddedEvidence | None:
    """A table whose sequences end in the same number, in front of a recurrence without a mask.

    Asked only where an output is the same for all examples; None where the sequences are short, or
    most of what they hold is something else.
    """
    layers = problem.model._flatten_layers()
    tables = [o for o in layers if isinstance(o, keras.layers.Embedding) and not o.mask_zero]
    forward = [o.name for o in layers if _is_recurrence(o)]
    still = any(o.spread <= _STILL * o.peak for o in evidence.outputs_last)
    masks = any(isinstance(one, keras.layers.Masking) for one in layers)
    if not (tables and forward and still and evidence.varies) or masks or problem.drawn:
        return None
    found: list[PaddedEvidence] = []

    def note(layer, inputs):
        made = _end_of(to_numpy(inputs)) if len(inputs.shape) == 2 else None
        if made is not None:
            found.append(PaddedEvidence(layer, made[0], made[1], int(inputs.shape[1]), forward))

    note_in_prediction(problem, tables, note)
    return found[0] if found else None


def _is_recurrence(layer):
    """Whether what a layer gives depends most on the last steps."""
    return isinstance(layer, keras.layers.RNN) and not layer.go_backwards


def _end_of(ids):
    """The number that sequences end in, and of how many steps at their end it is; or None."""
    examples, steps = ids.shape
    last = ids[:, -1]
    ends = np.unique(last, return_counts=True)
    number = ends[0][ends[1].argmax()]
    if steps < _FEWEST or ends[1].max() < _NEARLY_ALL * examples:
        return None
    same = (ids == number)[:, ::-1]
    runs = np.where(same.all(axis=1), steps, np.argmin(same, axis=1))
    length = int(np.median(runs))
    return (int(number), length) if _MOST * steps <= length < steps else None
