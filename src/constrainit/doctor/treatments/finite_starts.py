"""Remedies for weights without a constraint: finite starts, and the constraint that was lost."""

import functools

import keras
import numpy as np
from keras import ops

from constrainit.doctor import _courses
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at

_POWERS = (1.0, 10.0, 100.0, 1e3, 1e4)
_STEPS = 50


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


def from_powers_of_ten(problem, evidence, found):
    """A power of ten in place of a weight that is infinite as a whole: that which trains best."""
    paths, told, lines = {finding.weight for finding in found}, [], []
    for lost in evidence.lost_starts:
        record, value = lost.record, to_numpy(lost.record.variable)
        if record.path not in paths or not np.isinf(value).all() or not problem.is_small:
            continue
        courses = {}
        for size in _POWERS:
            start = np.full(value.shape, np.sign(lost.value) * size)
            begin = functools.partial(start_at, record, start)
            courses[size] = _courses.course(problem, begin, _STEPS)
        losses = {size: found.losses[-1] for size, found in courses.items() if found}
        if not losses:
            return None
        best = float(np.sign(lost.value)) * min(losses, key=lambda size: losses[size])
        start_at(record, np.full(value.shape, best))
        told.append(f"{record.path} at {best:g}, of the powers of ten that which trains best")
        weight = variable(problem, record)
        lines.append(f"{weight}.assign(keras.ops.full({value.shape}, {best:g}))")
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
