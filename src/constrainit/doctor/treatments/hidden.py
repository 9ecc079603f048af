"""A remedy for weights in objects that Keras does not look into: their layer has them, too."""

import keras

from constrainit.doctor._state import take_in
from constrainit.doctor.treatments._remedy import Changed, with_other


def weights_of_the_layer(problem, evidence, found):
    """What an object holds as an attribute of the layer, too."""
    names, lines = {finding.layer for finding in found}, []
    for made in evidence.hidden:
        if made.holder.name not in names:
            continue
        for part in made.parts:
            take_in(made.holder, part)
        if made.function:
            lines.append(_as_a_layer(made))
            continue
        kept = f"self.{made.name}_parts = [{', '.join(made.places)}]"
        lines.append(f"{kept}  # in __init__ of {type(made.holder).__name__}")
    if not lines:
        return None
    return Changed(
        f"what {', '.join(made.name for made in evidence.hidden)} holds as weights of its layer",
        with_other(problem),
        "\n".join(lines),
    )


def _as_a_layer(made):
    """A layer of the user's own in place of one that calls a function."""
    name, (part, *others) = made.name, made.parts
    if others or not isinstance(part, keras.Variable):
        made_in_init = f"    self.{name} = ...  # in __init__, and built in build(self, shape)"
        return f"class Own(keras.layers.Layer):\n{made_in_init}"
    shape = tuple(part.shape)
    return (
        f"class Own(keras.layers.Layer):  # in place of {made.holder.name!r}\n"
        "    def build(self, shape):\n"
        f"        self.{name} = self.add_weight(shape={shape}, initializer=..., name={name!r})\n"
        "    def call(self, x):\n"
        f"        ...  # what {made.function} computes, with self.{name}"
    )
