"""A remedy for weights in objects that Keras does not look into: their layer has them, too."""

import keras

from constrainit.doctor.treatments._remedy import Changed, with_other


def weights_of_the_layer(problem, evidence, found):
    """What an object holds as an attribute of the layer, too."""
    names, lines = {finding.layer for finding in found}, []
    for made in evidence.hidden:
        if made.holder.name not in names:
            continue
        for part in made.parts:
            # Not through the layer, which takes no more of them once it is built.
            is_layer = isinstance(part, keras.layers.Layer)
            list.append(made.holder._layers if is_layer else made.holder._trainable_variables, part)
        kept = f"self.{made.name}_parts = [{', '.join(made.places)}]"
        lines.append(f"{kept}  # in __init__ of {type(made.holder).__name__}")
    if not lines:
        return None
    return Changed(
        f"what {', '.join(made.name for made in evidence.hidden)} holds as attributes of its layer",
        with_other(problem),
        "\n".join(lines),
    )
