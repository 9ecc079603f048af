"""Remedies for weights without a constraint that training takes out of an operation's domain."""

from constrainit._obey import project
from constrainit.doctor._out_of_domain import free_weights
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._pastes import given_and_projected, told
from constrainit.doctor.treatments._remedy import Changed
from constrainit.model import walk


def in_their_domain(problem, evidence, found):
    """Weights that start with nothing negative, and must have nothing, are held there."""
    operation = evidence.operation
    sets = {} if operation is None else free_weights(evidence, operation)
    if not sets:
        return None
    for record in walk(problem.model):
        if record.path in sets:
            record.variable.constraint = record.resolved(sets[record.path])
    project(problem.model)
    texts = {path: written(a_set) for path, a_set in sets.items()}
    return Changed(
        f"weights that are held where they start, {told(problem, texts)}",
        code=given_and_projected(problem, texts),
    )
