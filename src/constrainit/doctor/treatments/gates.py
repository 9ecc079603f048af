"""Blocks of a recurrent kernel that are its gates."""

from typing import Any

from constrainit._gates import cut_across, gates_of
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_inside
from constrainit.model import walk
from constrainit.sets import Blocks, Intersection


def as_many_blocks(problem: Any, evidence: Any, found: list[Any]) -> Changed | None:
    """As many blocks as there are gates, and a start inside."""
    sets, paths = {}, {finding.weight for finding in found}
    for record in walk(problem.model):
        a_set = record.constraint
        if record.path in paths and cut_across(a_set, record.layer, record.shape) is not None:
            record.variable.constraint = other = _cut_into(a_set, gates_of(record.layer))
            sets[record.path] = written(other)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    return Changed(f"a block for each gate{started}", code=f"{given(problem, sets)}{code}")


def _cut_into(a_set, count):
    """A set with as many blocks, in whatever it is in."""
    if isinstance(a_set, Blocks):
        return Blocks(a_set.set, count, a_set.axis)
    if isinstance(a_set, Intersection):
        sets = [_cut_into(one, count) for one in a_set.sets]
        return type(a_set)(**{**a_set._arguments(), "sets": sets})
    if hasattr(a_set, "set"):
        return type(a_set)(**{**a_set._arguments(), "set": _cut_into(a_set.set, count)})
    return a_set
