"""How large kernels start, for what they are fed."""

import math

from constrainit.doctor._evidence import GainEvidence
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord


def gains(records: list[WeightRecord]) -> list[GainEvidence]:
    """The trained kernels of which it is known along which axes a unit is fed."""
    found = []
    for record in records:
        kernel = record.variable.name == "kernel" and record.variable.trainable
        if not kernel or record.axes is None or len(record.shape) < 2:
            continue
        value = to_numpy(record.variable)
        deviation = float(value.std())
        fan_in = math.prod(record.shape[axis] for axis in record.axes)
        center = abs(float(value.mean())) / deviation if deviation > 0 else math.inf
        found.append(GainEvidence(record, deviation * math.sqrt(fan_in), center))
    return found
