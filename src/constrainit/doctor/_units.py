"""Weights whose units are all the same."""

import numpy as np
from keras import ops

from constrainit.model import WeightRecord


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
