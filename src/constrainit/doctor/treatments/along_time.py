"""Remedies for a softmax over a single entry: it runs along the axis of what is weighed."""

import keras

from constrainit.doctor.treatments._layers import changed_layers
from constrainit.doctor.treatments._remedy import Changed, with_other


def softmax_along_time(problem, evidence, found):
    """`Softmax` layers that run over a single entry, along the axis before the last."""
    names = {layer for layer, _ in evidence.alone}

    def is_meant(layer):
        one = isinstance(layer, keras.layers.Softmax) and layer.name in names
        return one and layer.axis == -1 and len(layer.output.shape) > 2

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
    names = {layer for layer, _ in evidence.alone}

    def is_meant(layer):
        one = layer.name in names and getattr(layer, "units", None) == 1
        one = one and layer.activation is keras.activations.softmax
        return one and len(layer.output.shape) > 2 and layer.output.shape[-2] != 1

    along = keras.layers.Softmax(axis=-2)
    changed = changed_layers(problem, is_meant, activation=along)
    if not changed:
        return None
    return Changed(
        f"the softmax of {changed} runs along the axis before the last",
        with_other(problem),
        "keras.layers.Dense(1, activation=keras.layers.Softmax(axis=-2))",
    )
