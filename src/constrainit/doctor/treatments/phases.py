"""A remedy for layers that compute something else in prediction than in training."""

from constrainit.doctor.treatments._edit_phases import as_in_training
from constrainit.doctor.treatments.source import edited_layer


def one_function(problem, evidence, found):
    """The class of a layer that computes in prediction what it does in training."""
    made = evidence.in_prediction
    if made is None or made.has_state:
        return None
    return edited_layer(problem, made.layers, as_in_training)
