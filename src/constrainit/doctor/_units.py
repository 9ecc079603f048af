"""Weights whose units are all the same, and weights that are the same as another one."""

import numpy as np
from keras import ops

from constrainit.doctor._evidence import GradientEvidence
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_FEW = 64
"""Numbers that tell two weights apart, almost always."""


def identical(records: list[WeightRecord]) -> list[WeightRecord]:
    """Those of several units that all hold the same numbers, not all of them zero."""
    return [record for record in records if record.variable.trainable and _is_identical(record)]


def _is_identical(record):
    if record.axes is None or len(record.shape) < 2:
        return False
    free = [axis for axis in range(len(record.shape)) if axis not in record.axes]
    count = int(np.prod([record.shape[axis] for axis in free]))
    if count < 2:
        return False
    value = np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(record.variable)))
    units = np.moveaxis(value, free, range(len(free))).reshape(count, -1)
    # Two units tell almost always; all of them are looked at only where those agree.
    if not np.array_equal(units[0], units[1]):
        return False
    peak = float(np.max(np.abs(units.astype("float32"))))
    spread = np.abs(units.astype("float32") - units[0].astype("float32"))
    return peak > 0 and float(np.max(spread)) <= 1e-6 * peak


def twins(records: list[WeightRecord]) -> list[tuple[WeightRecord, WeightRecord]]:
    """Trained weights that hold the same numbers as one before them, with that one.

    Those whose numbers are all alike are left out, and vectors: many start as zeros or ones.
    """
    found, known = [], {}
    for record in records:
        if record.variable.trainable and len(record.shape) > 1:
            alike = known.setdefault((record.shape, record.dtype, _beginning(record)), [])
            alike.append(record)
    for record, *others in known.values():
        if others and np.ptp(first := to_numpy(record.variable)) > 0:
            found += [(o, record) for o in others if np.array_equal(to_numpy(o.variable), first)]
    return found


def _beginning(record):
    value = ops.reshape(ops.convert_to_tensor(record.variable), (-1,))[:_FEW]
    return to_numpy(value).tobytes()


def still_twins(
    pairs: list[tuple[WeightRecord, WeightRecord]], gradients: list[GradientEvidence]
) -> list[tuple[WeightRecord, WeightRecord]]:
    """Those of the pairs whose weights have moved, and are the same but for rounding."""
    moved = {made.record.path for made in gradients if not made.still}
    return [pair for pair in pairs if pair[0].path in moved and _are_alike(*pair)]


def _are_alike(one, other):
    values = [to_numpy(record.variable).astype("float32") for record in (one, other)]
    return bool(np.abs(values[0] - values[1]).max() <= 1e-5 * np.abs(values[0]).max())
