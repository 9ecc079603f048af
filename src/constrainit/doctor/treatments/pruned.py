"""A remedy for constraints that are to keep zeros and do not: these entries are fixed."""

from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import place
from constrainit.doctor.treatments._remedy import Changed
from constrainit.model import walk
from constrainit.sets import Fixed


def zeros_fixed(problem, evidence, found):
    """The entries that start at zero stay there."""
    paths, ends = {finding.weight for finding in found}, []
    for record in walk(problem.model):
        if record.path in paths:
            zero = to_numpy(record.variable) == 0
            record.variable.constraint = record.resolved(Fixed(zero, 0.0))
            ends.append(place(problem, record.path))
    if not ends:
        return None
    named = ", ".join(f"{end!r}" for end in ends)
    code = f"""pruned = ({named},)
ci.constrain(model, {{
    weight.path: ci.Fixed(keras.ops.convert_to_numpy(weight) == 0, 0.0)
    for weight in model.trainable_weights if weight.path.endswith(pruned)
}})"""
    return Changed(f"ci.Fixed for the entries that start at zero of {named}", code=code)
