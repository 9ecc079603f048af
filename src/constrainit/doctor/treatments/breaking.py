"""Remedies for a constraint that makes NaN of finite weights: its operation that does so, guarded.

A guard that only keeps what comes out finite is none: where the set is known that a constraint
means, what the guarded one gives has to lie in it. Of a sum of zero there are no shares.
"""

from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._constraint_calls import called
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._bounds import bounded
from constrainit.doctor.treatments._edit_widths import in_float32
from constrainit.doctor.treatments._meaning import meant_set
from constrainit.doctor.treatments._safe_divisors import without_zeros
from constrainit.doctor.treatments.source import with_edits

_NEAR = 0.03
"""By how much of its largest entry a weight may miss a set: epsilons."""

_HALF = ("overflow of float16", "overflow of bfloat16")
_ZERO = ("0/0", "division by 0")


def guarded(problem, evidence, found):
    """The class or function of a constraint with the operation guarded that breaks a weight."""
    known = {made.record.path: made for made in evidence.constraints}

    def choose(finding, kind):
        made = known.get(finding.weight)
        return None if made is None or not _is_at_a_line(made) else _edit(made.operation)

    wanted = [known[one.weight] for one in found if one.weight in known]
    # It is asked before the edited one takes its place.
    sets = [(made, _set_of(made)) for made in wanted if _is_at_a_line(made)]
    changed = with_edits(problem, evidence, found, choose)
    if changed is None or any(_is_outside(made, a_set) for made, a_set in sets):
        return None
    return changed


def _is_at_a_line(made):
    return made.operation is not None and made.operation.source is not None


def _edit(operation) -> Any:
    """The edit of a source that keeps an operation away from where it has no result."""
    if operation.limit.startswith(_HALF):
        return in_float32
    if operation.limit in _ZERO:
        return without_zeros(operation.source.text, floor=_FLOORS.get(operation.dtype, "1e-6"))
    return bounded(operation, operation.dtype)


_FLOORS = {"float16": "1e-3"}
"""Smaller ones some backends take for 0."""


def _set_of(made):
    a_set = meant_set(made.record, made.repeat)
    return None if a_set is None else made.record.resolved(a_set)


def _is_outside(made, a_set):
    """Whether what a guarded constraint gives of the start, or of zeros, is not in its set."""
    if a_set is None:
        return False
    record = made.record
    start = to_numpy(record.variable)
    values = [start, np.zeros_like(start)] if made.operation.limit in _ZERO else [start]
    for value in values:
        image = called(record, value)
        if image is None:
            return True
        off = float(a_set.violation(ops.cast(image, record.dtype)))
        if off > _NEAR * float(np.abs(image).max(initial=0.0)):
            return True
    return False
