"""Remedies for weights without a constraint: finite starts, and the constraint that was lost."""

import keras
import numpy as np
from keras import ops

from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed


def finite_entries(problem, evidence, found):
    """The least or the largest finite entry of a weight in place of its infinite ones."""
    paths, told, lines = {finding.weight for finding in found}, [], []
    for lost in evidence.lost_starts:
        record, value = lost.record, to_numpy(lost.record.variable)
        finite = value[np.isfinite(value)]
        if record.path not in paths or not lost.infinite or not finite.size:
            continue
        low, high = float(finite.min()), float(finite.max())
        record.variable.assign(ops.cast(np.clip(value, low, high), record.dtype))
        told.append(f"{record.path} between its finite entries, {low:.3g} and {high:.3g}")
        weight = variable(problem, record)
        lines.append(f"{weight}.assign(keras.ops.clip({weight}, {low:.6g}, {high:.6g}))")
    return Changed("; ".join(told), code="\n".join(lines)) if told else None


def non_negative_again(problem, evidence, found):
    """Non-negative weights where the constraint of their layer may have been lost."""
    paths, told, lines = {finding.weight for finding in found}, [], []
    for lost in evidence.lost_constraints:
        record = lost.record
        if record.path in paths:
            record.variable.constraint = keras.constraints.NonNeg()
            told.append(record.path)
            lines.append(f"{variable(problem, record)}.constraint = keras.constraints.NonNeg()")
    return Changed(f"{', '.join(told)} non-negative", code="\n".join(lines)) if told else None
