"""Weaker penalties on weights."""

import keras

from constrainit.doctor._recording import is_custom
from constrainit.doctor.treatments._remedy import Changed, with_other

_KNOWN = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)


def weaker_penalty(problem, evidence, found):
    """Penalties of Keras with at most a tenth of the gradient that the data have."""
    paths = {finding.weight for finding in found}
    changed = [
        _weaken(made.record, made.scale) for made in evidence.outweighed
        if made.record.path in paths and type(made.record.variable.regularizer) in _KNOWN
    ]  # fmt: skip
    if not changed:
        return None
    return Changed(
        f"penalties {evidence.outweighed[0].scale:g} times as strong",
        with_other(problem),
        "\n".join(dict.fromkeys(changed)),
    )


def _weaken(record, scale):
    """Scales the penalty on a weight; gives what to write."""
    penalty, layer = record.variable.regularizer, record.layer
    config = {name: scale * float(value) for name, value in penalty.get_config().items()}
    weaker = record.variable.regularizer = type(penalty).from_config(config)
    name = f"{record.argument}_regularizer"
    # What a saved model is made from.
    if name in vars(layer):
        vars(layer)[name] = weaker
    kind = type(layer).__name__ if is_custom(layer) else f"keras.layers.{type(layer).__name__}"
    numbers = ", ".join(f"{key}={value:.3g}" for key, value in config.items())
    return f"{kind}(..., {name}=keras.regularizers.{type(penalty).__name__}({numbers}))"
