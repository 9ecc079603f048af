"""Weights that are a copy of another one's values, and not that weight."""

import numpy as np

from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord


def copies(records: list[WeightRecord]) -> list[tuple[WeightRecord, WeightRecord]]:
    """Weights that are not trained and hold what a trainable one holds, rows and columns swapped.

    As it stands, a copy of a weight may be the target that a network is trained towards; a
    transposed one is meant to be tied.
    """
    matrices = [r for r in records if len(r.shape) == 2 and min(r.shape) > 1]
    still = [r for r in matrices if not r.variable.trainable]
    return [
        (copy, own)
        for copy in still
        for own in matrices
        if own.variable.trainable and own.shape == copy.shape[::-1] and _are_same(copy, own)
    ]


def left_behind(
    pairs: list[tuple[WeightRecord, WeightRecord]],
) -> list[tuple[WeightRecord, WeightRecord]]:
    """Those that no longer hold the same, once steps were taken."""
    return [pair for pair in pairs if not _are_same(*pair)]


def _are_same(copy, own):
    values = to_numpy(copy.variable)
    return np.ptp(values) > 0 and np.array_equal(values, to_numpy(own.variable).T)
