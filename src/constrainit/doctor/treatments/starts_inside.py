"""Remedies for starts that code of the user's own can not take: clipped weights, wide tables."""

from constrainit._words import listed
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at


def of_picked_rows(problem, evidence, found):
    """The start of a table that is as wide as what it is compared with."""
    made = evidence.picked_rows
    if made is None or made.record.path not in {finding.weight for finding in found}:
        return None
    start_at(made.record, made.start)
    name = variable(problem, made.record)
    return Changed(
        f"{made.record.path} times {made.factor:g}, as wide as what it is compared with",
        code=f"{name}.assign({made.factor:g} * {name})",
    )


def of_clips(problem, evidence, found):
    """The start inside of the bounds from which the model was seen to train."""
    made = evidence.clipped
    if made is None or made.records[0].path not in {finding.weight for finding in found}:
        return None
    codes = []
    for record, value in zip(made.records, made.starts, strict=True):
        start_at(record, value)
        name = variable(problem, record)
        codes.append(f"{name}.assign({made.code.format(name)})")
    names = listed([record.path for record in made.records])
    return Changed(f"{names} {made.said}, inside of what is clipped", code="\n".join(codes))
