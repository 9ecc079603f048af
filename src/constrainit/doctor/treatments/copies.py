"""Remedies for constraints of the user's own: an object for each weight, and one for each gate."""

from constrainit.doctor._own_copies import as_made
from constrainit.doctor.rules.cw201_constraint_raises import blocks_of, is_by_gate
from constrainit.doctor.treatments._pastes import given, place
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_inside
from constrainit.sets import Blocks


def of_their_own(problem, evidence, found):
    """A constraint of its own for each of the weights that share one, without what it keeps."""
    paths, sets = {finding.weight for finding in found}, {}
    made = {one.record.path: one for one in evidence.constraints}
    for one in [made[path] for path in made if path in paths and made[path].shared]:
        constraint, shared = one.record.constraint, one.shared
        for path in shared.paths:
            if path not in sets:
                made[path].record.variable.constraint = type(constraint)(**shared.arguments)
                sets[path] = as_made(constraint, shared.arguments)
    if not sets:
        return None
    traced = [path for path in sets if made[path].kept is not None]
    # That calls each once, and what it keeps belongs to no compiled step then.
    started, code = start_inside(problem, evidence, {*paths, *traced} & set(sets))
    names = " and ".join(repr(place(problem, path)) for path in sets)
    if traced:
        started += ", each called once before the first step is compiled"
        code = code or "\nci.project(model)"
    return Changed(
        f"an object of its own for each of {names}{started}", code=f"{given(problem, sets)}{code}"
    )


def for_each_gate(problem, evidence, found):
    """The constraint for each of the gates that a weight holds side by side."""
    paths, sets, counts = {finding.weight for finding in found}, {}, []
    for made in evidence.constraints:
        record = made.record
        if record.path in paths and made.shared is None and is_by_gate(made):
            sets[record.path] = blocks_of(made)
            record.variable.constraint = Blocks(record.constraint, made.gates)
            counts.append(made.gates)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    which = f"each of the {counts[0]} gates" if len(set(counts)) == 1 else "each gate"
    change = f"the constraint is applied to {which} by itself{started}"
    return Changed(change, code=f"{given(problem, sets)}{code}")
