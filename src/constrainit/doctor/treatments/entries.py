"""A remedy for vectors whose norm is bounded where their entries may be meant."""

from constrainit.doctor._axes import bounds_of_entries
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._pastes import given, told
from constrainit.doctor.treatments._remedy import Changed
from constrainit.sets import Box


def bounded_entries(problem, evidence, found):
    """The bounds of a norm as those of each entry, for vectors that start between them."""
    paths, sets = {finding.weight for finding in found}, {}
    for made in evidence.constraints:
        ends = bounds_of_entries(made) if made.record.path in paths else None
        if ends is not None:
            a_set = Box(*ends)
            made.record.variable.constraint = made.record.resolved(a_set)
            sets[made.record.path] = written(a_set)
    if not sets:
        return None
    return Changed(
        f"bounds for each entry in place of the norm, {told(problem, sets)}",
        code=given(problem, sets),
    )
