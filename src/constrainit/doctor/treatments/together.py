"""Remedies for a constraint whose place another one has taken: both at once."""

from constrainit.doctor._attached import held_by_layer
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_inside
from constrainit.sets import as_set


def both_at_once(problem, evidence, found):
    """The set that a layer holds for a weight and the one that the weight has, as one."""
    sets, paths = {}, {finding.weight for finding in found}
    for record in [one for one in evidence.replaced if one.path in paths]:
        both = as_set(held_by_layer(record)) & as_set(record.constraint)
        record.variable.constraint = record.resolved(both)
        sets[record.path] = written(both)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    return Changed(f"both constraints at once{started}", code=f"{given(problem, sets)}{code}")
