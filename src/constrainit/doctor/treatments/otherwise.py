"""Remedies for a model that learns where one thing is otherwise: that, as it was tried."""

from constrainit._words import listed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at


def other_start(problem, evidence, found):
    """The start of a weight with which the model was seen to learn."""
    made = _made(evidence, "start")
    if made is None:
        return None
    for record in made.records:
        start_at(record, to_numpy(record.variable) * made.factor + made.shift)
    named = listed([record.path for record in made.records])
    how = f"{made.shift:+g}" if made.shift else f"times {made.factor:g}"
    sum_of = f"weight {'+' if made.shift > 0 else '-'} {abs(made.shift):g}"
    value = sum_of if made.shift else f"{made.factor:g} * weight"
    lines = "".join(f"    {variable(problem, record)},\n" for record in made.records)
    return Changed(
        f"the start of {named} {how}",
        code=f"for weight in [\n{lines}]:\n    weight.assign({value})",
    )


def other_number(problem, evidence, found):
    """The number in a layer with which the model was seen to learn."""
    made = _made(evidence, "number")
    if made is None:
        return None
    now = getattr(made.layers[0], made.name)
    for layer in made.layers:
        setattr(layer, made.name, getattr(layer, made.name) * made.factor)
    kind = type(made.layers[0]).__name__
    lines = "".join(
        f"model.get_layer({layer.name!r}).{made.name} = {getattr(layer, made.name):g}\n"
        for layer in made.layers
    )
    return Changed(
        f"{made.name}={now * made.factor:g} in {kind} in place of {now:g}", problem.afresh(), lines
    )


def _made(evidence, kind):
    made = evidence.otherwise
    return made if made is not None and made.kind == kind else None
