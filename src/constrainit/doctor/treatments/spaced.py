"""Remedies for vectors of the user's own layers whose entries start alike: entries apart."""

import numpy as np
from keras import ops

from constrainit.doctor._losses_at import loss_anew
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_APART = 2.0


def spaced_for_the_loss(problem, evidence, found):
    """Entries apart, where the loss is finite then.

    Cut points that are the same leave nothing between them.
    """
    operation = evidence.operation
    if evidence.fault_step != 0 or operation is None or operation.stage != "loss":
        return None
    for record in walk(problem.model):
        start = to_numpy(record.variable)
        own = is_custom(record.layer) and record.variable.trainable
        if not own or start.ndim != 1 or start.size < 2 or np.ptp(start) > 0:
            continue
        start_at(record, start + np.linspace(-_APART, _APART, start.size))
        if np.isfinite(loss_anew(problem)):
            return _told(record, start[0] - _APART, start[0] + _APART)
        record.assign(ops.cast(start, record.dtype))
    return None


def spaced_as_tried(problem, evidence, found):
    """The spaced entries with which the model was seen to train."""
    made = evidence.equal_entries
    if made is None or made.record.path not in {finding.weight for finding in found}:
        return None
    (low, high), shape = made.ends, made.record.shape
    start_at(made.record, np.broadcast_to(np.linspace(low, high, shape[-1]), shape))
    return _told(made.record, low, high)


def _told(record, low, high):
    last = "shape[0]" if len(record.shape) == 1 else "shape[-1]"
    spaced = f"ops.linspace({low:g}, {high:g}, {last})"
    spaced = spaced if len(record.shape) == 1 else f"ops.broadcast_to({spaced}, shape)"
    return Changed(
        f"{record.path} starts with its entries apart, from {low:g} to {high:g}",
        code=f"# {record.variable.name} of {record.layer.name!r}\nself.add_weight(..., "
        f"initializer=lambda shape, dtype=None: {spaced})",
    )
