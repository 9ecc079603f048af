"""Remedies of one line in the code of a layer: what a softmax, a clip or the like is given."""

from constrainit.doctor.treatments._edit_softmaxes import scaled_softmax, scaled_window
from constrainit.doctor.treatments._edit_softmaxes import softmax_along_time as along_time_of
from constrainit.doctor.treatments.source import edited_layer


def softmax_along_time(problem, evidence, found):
    """The class of a layer with its softmax of single entries along the axis before the last."""
    place = next(((name, line) for name, line in evidence.alone if name and line), None)
    if place is None:
        return None
    name, line = place
    return edited_layer(problem, [name], along_time_of(line.text))


def softer_softmax(problem, evidence, found):
    """The class or function of a layer that scales what its softmax is given to about one."""
    made = evidence.sharp
    if made is None or made.source is None:
        return None
    return edited_layer(problem, made.layers, scaled_softmax(made.source.text, made.scale))


def within_its_window(problem, evidence, found):
    """The class or function of a layer that scales a signal to the window of its gradient."""
    made = evidence.windows
    if made is None or made.source is None:
        return None
    edit = scaled_window(made.source.text, made.function, made.scale)
    return edited_layer(problem, made.layers, edit)
