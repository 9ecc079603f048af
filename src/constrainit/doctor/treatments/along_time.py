"""Remedies for a softmax over a single entry: it runs along the axis of what is weighed."""

import keras

from constrainit.doctor._recording import given_in_prediction
from constrainit.doctor.treatments._layers import changed_layers
from constrainit.doctor.treatments._remedy import Changed, with_other


def softmax_along_time(problem, evidence, found):
    """`Softmax` layers that run over a single entry, along the axis before the last."""
    shapes = _shapes(problem, evidence)

    def is_meant(layer):
        one = isinstance(layer, keras.layers.Softmax) and layer.axis == -1
        return one and _has_steps(shapes.get(layer.name, ()))

    changed = changed_layers(problem, is_meant, axis=-2)
    if not changed:
        return None
    return Changed(
        f"the softmax in {changed} runs along the axis before the last",
        with_other(problem),
        "keras.layers.Softmax(axis=-2)",
    )


def activation_along_time(problem, evidence, found):
    """The same of a softmax that is the activation of a layer of one unit."""
    shapes = _shapes(problem, evidence)

    def is_meant(layer):
        one = getattr(layer, "units", None) == 1 and _has_steps(shapes.get(layer.name, ()))
        return one and layer.activation is keras.activations.softmax

    along = keras.layers.Softmax(axis=-2)
    changed = changed_layers(problem, is_meant, activation=along)
    if not changed:
        return None
    return Changed(
        f"the softmax of {changed} runs along the axis before the last",
        with_other(problem),
        "keras.layers.Dense(1, activation=keras.layers.Softmax(axis=-2))",
    )


def _shapes(problem, evidence):
    """The shapes that layers give in which a softmax runs over a single entry, by their names.

    A layer inside of a model of the user's own has no output to ask.
    """
    names = {layer for layer, _ in evidence.alone}
    given = given_in_prediction(problem.model, problem.x)
    return {name: value.shape for name, value in given if name in names}


def _has_steps(shape):
    """Whether there are several entries along the axis before the last, which is no example's."""
    return len(shape) > 2 and shape[-2] > 1
