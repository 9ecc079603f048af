"""Weaker penalties on weights and outputs, or none, and weights that are no part of a loss."""

import keras

from constrainit._words import listed
from constrainit.doctor._recording import is_custom
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code
from constrainit.model import WeightRecord, walk

_KNOWN = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)


def no_penalty(problem, evidence, found):
    """No penalty on weights whose constraints leave it as it is, or that zero is something for."""
    tried = evidence.swamped
    if tried is None or not (tried.at_zero or (tried.held and not evidence.outweighed)):
        return None
    records = [record for record in walk(problem.model) if record.path in tried.weights]
    changed = [_given(record, None, "None") for record in records]
    return Changed(
        f"no penalty on {listed(tried.weights)}",
        with_other(problem),
        "\n".join(dict.fromkeys(changed)),
    )


def weaker_penalty(problem, evidence, found):
    """Penalties of Keras with at most a tenth of the gradient that the data have.

    Those that were seen to be so weak that the data is learnt, where that was tried.
    """
    paths, tried = {finding.weight for finding in found}, evidence.swamped
    if tried is not None and tried.at_zero:
        return None
    records = [(made.record, made.scale) for made in evidence.outweighed]
    if not records and tried is not None and tried.scale:
        records = [(r, tried.scale) for r in walk(problem.model) if r.path in tried.weights]
        paths.update(tried.weights)
    changed = [
        weaken(record, scale) for record, scale in records
        if record.path in paths and can_be_weakened(record)
    ]  # fmt: skip
    if not changed:
        return None
    said = f"penalties {records[0][1]:g} times as strong"
    if not evidence.outweighed and tried is not None:
        said += f", with which the loss of the data goes to {tried.weaker:.4g} in as many steps"
    return Changed(said, with_other(problem), "\n".join(dict.fromkeys(changed)))


def weaker_on_outputs(problem, evidence, found):
    """Penalties of Keras on what layers give, so weak that the data was seen to be learnt."""
    tried = evidence.swamped
    if tried is None or not tried.layer or not tried.scale:
        return None
    layers = problem.model._flatten_layers()
    kinds = {type(one) for one in layers if one.name == tried.layer}
    held = [one for one in layers if type(one) in kinds and one.activity_regularizer is not None]
    if not held or not all(type(one.activity_regularizer) in _KNOWN for one in held):
        return None
    codes = []
    for layer in held:
        layer.activity_regularizer, text = _scaled(layer.activity_regularizer, tried.scale)
        if isinstance(layer, keras.layers.ActivityRegularization):
            layer.l1, layer.l2 = tried.scale * layer.l1, tried.scale * layer.l2
        kind = type(layer).__name__ if is_custom(layer) else f"keras.layers.{type(layer).__name__}"
        codes.append(layer_code(layer, f"{kind}(..., activity_regularizer={text})"))
    return Changed(
        f"what is added {tried.scale:.3g} times as strong, with which the loss of the data goes "
        f"to {tried.weaker:.4g} in {tried.steps} steps",
        with_other(problem),
        "\n".join(dict.fromkeys(codes)),
    )


def fixed_weight(problem, evidence, found):
    """Weights that multiply the loss, no longer trained."""
    codes = []
    for record in walk(problem.model):
        if record.path in {finding.weight for finding in found}:
            record.variable.trainable = False
            name = record.argument or record.variable.name
            codes.append(
                f"# {name} of {record.layer.name!r}\nself.add_weight(..., trainable=False)"
            )
    return Changed(
        "the weight is not trained", with_other(problem), "\n".join(dict.fromkeys(codes))
    )


def can_be_weakened(record: WeightRecord) -> bool:
    """Whether a weight has a penalty of Keras."""
    return type(record.variable.regularizer) in _KNOWN


def weaken(record: WeightRecord, scale: float) -> str:
    """Scales the penalty on a weight; gives what to write."""
    return _given(record, *_scaled(record.variable.regularizer, scale))


def _scaled(penalty, scale):
    """A penalty of Keras so many times as strong, and its Python."""
    config = {name: scale * float(value) for name, value in penalty.get_config().items()}
    numbers = ", ".join(f"{key}={value:.3g}" for key, value in config.items())
    text = f"keras.regularizers.{type(penalty).__name__}({numbers})"
    return type(penalty).from_config(config), text


def _given(record, penalty, text):
    """Gives a weight another penalty, of which this is the Python; gives what to write."""
    layer, name = record.layer, f"{record.argument}_regularizer"
    record.variable.regularizer = penalty
    # What a saved model is made from.
    if name in vars(layer):
        vars(layer)[name] = penalty
    kind = type(layer).__name__ if is_custom(layer) else f"keras.layers.{type(layer).__name__}"
    usual = f"{kind}(..., {name}={text})"
    if is_custom(layer) and name not in vars(layer):
        weight = record.variable.name
        usual = f"# {weight} of {layer.name!r}\nself.add_weight(..., regularizer={text})"
    return layer_code(layer, usual) if name in vars(layer) else usual
