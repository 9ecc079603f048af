"""Square weights that start inside of what their constraint keeps for the transpose."""

from typing import Any

import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Values
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules.cw101_infeasible_start import harmless, is_outside

_ROUNDING = 1e-5


def transposed(constraints: Any, evidence: Evidence, start: Values) -> set[str]:
    """The paths of square weights that start far outside, and inside if rows and columns change.

    Such as a sign for each row that is laid out along the columns. Asked of constraints of the
    user's own.

    Args:
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step; empty if not known.
    """
    kept, found = {id(variable): value for variable, value in start}, set()
    for made in [one for one in evidence.constraints if one.custom and is_outside(one)]:
        record, shape = made.record, made.record.shape
        square = len(shape) == 2 and shape[0] == shape[1] > 1
        if not square or harmless(made) or id(record.variable) not in kept:
            continue
        own = to_numpy(kept[id(record.variable)])
        turned = constraints.image(record, own.T)
        if turned is not None and np.abs(turned.T - own).max() <= _ROUNDING * np.abs(own).max():
            found.add(record.path)
    return found
