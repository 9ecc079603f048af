"""Weights of which a constraint makes NaN or infinity, and its operation that does so first."""

from typing import Any

import numpy as np

from constrainit.doctor._evidence import ConstraintEvidence
from constrainit.doctor._statistics import Numbers, as_array
from constrainit.doctor.trace import locate_constraint


def broken_by(made: ConstraintEvidence) -> tuple[str, Numbers] | None:
    """The first finite weight that a constraint breaks, in words, and what it makes of that."""
    images = (
        ("start", made.image),
        ("weight of the first step", made.after_step),
        ("weight of a later step", made.broken),
    )
    if made.start.nonfinite:
        return None
    return next(((which, one) for which, one in images if one is not None and one.nonfinite), None)


def note_operation(made: ConstraintEvidence, constraint: Any, value: Any) -> None:
    """Notes the operation that breaks a weight, where it was found that one does.

    Args:
        made: The evidence of the weight, which is filled in.
        constraint: Its constraint, which the variable lacks while steps are taken.
        value: What its constraint has been given last.
    """
    if made.operation is not None or broken_by(made) is None:
        return
    if not np.isfinite(as_array(value)).all():
        return
    try:
        made.operation = locate_constraint(constraint, made.record.variable, value)
    # Not every operation of a backend can be run by itself: then it stays unknown, which is said.
    except Exception:
        return
