"""A constraint of the user's own by itself: its axes, what it keeps, and whether it is saved."""

from constrainit.doctor._axes import axes_of_norms, axes_of_start, spectral_axes, units_bound
from constrainit.doctor._constraint_calls import (
    assigned_variables,
    left_out,
    repeat,
    saving_fault,
)
from constrainit.doctor._constraint_doubts import is_idle
from constrainit.doctor._coupled import crossing, rows_of
from constrainit.doctor._evidence import ConstraintEvidence


def look_at(made: ConstraintEvidence) -> None:
    """What a constraint of the user's own is beside what it gives: notes it in the evidence."""
    if made.fault is None:
        # A bound that each call moves is no count: what it gives by then is another constraint.
        counts = [n for n, seen in made.counted.items() if all(isinstance(v, int) for v in seen)]
        made.repeat = repeat(made.record, counts)
        made.assigned = assigned_variables(made.record) if made.repeat > 0 else []
    else:
        made.counted = {}
    made.axes, made.rows = axes_of_norms(made)
    found = spectral_axes(made) if made.axes is None and made.rows is None else None
    made.axes, made.unfolded = found or (made.axes, None)
    made.held = axes_of_start(made)
    if made.axes is None and made.rows is None:
        made.rows = rows_of(made)
    made.crossing = crossing(made)
    made.bound = units_bound(made)
    still = made.image is not None and not made.share_moved and not made.counted
    made.idle = still and is_idle(made.record)
    made.left_out = left_out(made.record.constraint)
    made.saving = saving_fault(made.record, made.changes or bool(made.fault or made.kept))
