"""`bake`: a plain Keras model, with what this library added multiplied into the weights."""

import copy
from typing import Any

import keras

from constrainit._carried import carry_adapted, carry_constraints
from constrainit._reparametrize import weights_in_order
from constrainit._seen import trained_of
from constrainit._words import with_article
from constrainit.layers import OutputScale
from constrainit.model import walk

_SCALE = "constrainit>OutputScale"
_REPARAMETRIZED = "constrainit>Reparametrized"


def bake(model: keras.Model) -> keras.Model:
    """A copy of the model, for export, with every activation's `OutputScale` in the kernel.

    Layers in a `Reparametrized` stand there by themselves, with the members as their weights.
    The copy computes the same function, to the rounding of the dtype of its weights. Where a scale
    was multiplied in, the weights leave their set: the constraint and the initializer of that layer
    are taken off, and the copy is not meant to be trained on. Layers without an `OutputScale` keep
    theirs, so that loading them still needs `import constrainit`; a constraint of a weight that was
    seen in another set gives way to that set.

    Args:
        model: A built Keras model whose config holds its layers; stays as it is.

    Returns:
        The copy.

    Raises:
        ValueError: The model can not be copied from its config.
    """
    factors, gone = {}, set()
    for record in walk(model):
        scale = getattr(record.layer, "activation", None)
        if isinstance(scale, OutputScale) and hasattr(record.layer, "kernel_constraint"):
            gone.add(id(scale.scale))
            if record.variable.name in ("kernel", "bias"):
                factors[id(record.variable)] = scale.scale
    kept = [variable for variable in weights_in_order(model) if id(variable) not in gone]
    plain = _copied(model)
    shapes = [tuple(v.shape) for v in kept], [tuple(v.shape) for v in plain.weights]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`model` of `bake` must hold its layers in its config, as Sequential and Functional "
            f"models do. Received: {model.name!r}, {with_article(type(model).__name__)} that makes "
            "its layers in its own code."
        )
    pairs = list(zip(kept, plain.weights, strict=True))
    for variable, target in pairs:
        factor = factors.get(id(variable))
        # Copied: on JAX a step of training gives the buffers of its model away.
        value = keras.ops.copy(keras.ops.convert_to_tensor(variable))
        target.assign(value if factor is None else value * keras.ops.cast(factor, value.dtype))
    carry_adapted(model, plain)
    carry_constraints(plain, [pair for pair in pairs if id(pair[0]) not in factors])
    _obey_what_was_seen(plain, pairs)
    return plain


def _obey_what_was_seen(plain, pairs):
    """Where a layer has a constraint and its weight was seen in another set, that set counts."""
    seen = {id(target): one.set for one, target in pairs if trained_of(one) is not one}
    for record in walk(plain):
        a_set = seen.get(id(record.variable))
        own = None if a_set is None else record.constraint
        if own is not None and repr(record.resolved(own)) != repr(a_set):
            record.variable.constraint = a_set
            if hasattr(record.layer, f"{record.argument}_constraint"):
                setattr(record.layer, f"{record.argument}_constraint", a_set)


def _copied(model):
    try:
        plain = type(model).from_config(_plain(copy.deepcopy(model.get_config())))
        if not plain.built:
            plain.build_from_config(model.get_build_config())
    # Whatever a class of the user's own does when it is made anew.
    except Exception as fault:
        raise ValueError(
            f"`model` of `bake` must be copyable from its config: {model.name!r} is not. "
            f"{type(fault).__name__}: {fault}"
        ) from fault
    return plain


def _plain(config: Any) -> Any:
    """A config in which layers with an `OutputScale` have its activation and no constraint."""
    if isinstance(config, list):
        return [_plain(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("registered_name") == _REPARAMETRIZED:
        own = config["config"]
        inner = {**own["layer"], "config": {**own["layer"]["config"], "name": own["name"]}}
        config = {**config, **inner}
    scale: Any = config.get("activation")
    known = isinstance(scale, dict) and "kernel_constraint" in config
    if known and scale.get("registered_name") == _SCALE:
        config = {
            **config,
            "activation": scale["config"]["activation"],
            "kernel_constraint": None,
            "kernel_initializer": "glorot_uniform",
            "bias_constraint": None,
            "bias_initializer": "zeros",
        }
    return {key: _plain(value) for key, value in config.items()}
