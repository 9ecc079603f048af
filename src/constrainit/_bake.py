"""`bake`: a plain Keras model, with what this library added multiplied into the weights."""

import copy
import re
from typing import Any

import keras

from constrainit._absorbed import absorbed, told, without_scale, without_starts
from constrainit._carried import carry_adapted, carry_constraints
from constrainit._own_parts import own_parts_known, shared_by_parts, why_not_anew
from constrainit._present import check_values
from constrainit._reparametrize import taken_as_not_compiled, weights_by_layer, weights_in_order
from constrainit._signatures import explaining
from constrainit._words import with_article
from constrainit.model import check_built

_REPARAMETRIZED = "constrainit>Reparametrized"
_MADE_UP = re.compile(r"reparametrized(_\d+)?")
"""How Keras names such a layer that is given no name."""


@explaining
def bake(model: keras.Model) -> keras.Model:
    """A copy of the model, for export, with the activations' `OutputScale` in the kernels.

    Layers in a `Reparametrized` stand there by themselves, under their own names (or that which
    the `Reparametrized` was given), with the members as their weights, and the set that each was
    seen in as its constraint: `check` knows it, and training on stays inside, by projection. The
    copy computes the same function, to the rounding of the dtype of its weights.

    A scale is multiplied into the weights that its layer is linear in: of dense layers,
    convolutions and a `SimpleRNN`, computed by a `Reparametrized` or not. The weights then leave
    their set: their constraints and initializers are taken off, and the copy is not meant to be
    trained on. An LSTM or a GRU applies its activation elsewhere, too, and what a layer of your
    own does is not known: these, and quantized layers, keep their `OutputScale`.

    The copy keeps its weights and no initializer of this library, but Keras' own. Keras saves the
    constraint of a layer that has an argument for it (a warning says where it has none), and
    loading that needs `import constrainit`;
    `constrain(copy, {"*": None})` takes constraints off, and the file loads without this library.

    Args:
        model: A built Keras model whose config holds its layers; stays as it is. Classes and
            functions of your own need not be registered.

    Returns:
        The copy.

    Raises:
        ValueError: The model can not be copied from its config.
    """
    check_built(model, "bake")
    check_values("bake", model)
    found = absorbed(weights_by_layer(model))
    factors, gone = found.factors, {id(one.scale) for one in found.scales}
    kept = [variable for variable in weights_in_order(model) if id(variable) not in gone]
    with told(found), own_parts_known(model):
        plain, shared = _copied(model, _of_config), shared_by_parts(model)
        # In a config each model holds a layer of its own in the place of one that several share.
        listed = isinstance(model, keras.Sequential) or hasattr(model, "operations")
        if shared and listed and _shapes(plain.weights) != _shapes(kept):
            plain = _copied(model, _layer_by_layer)
    if _shapes(plain.weights) != _shapes(kept):
        why = (
            f"has {shared!r} in several of its parts, which its config does not tell to be one"
            if shared
            else "makes its layers in its own code"
        )
        raise ValueError(
            f"`model` of `bake` must hold its layers in its config, as Sequential and Functional "
            f"models do. Received: {model.name!r}, {with_article(type(model).__name__)} that "
            f"{why}."
        )
    pairs = list(zip(kept, plain.weights, strict=True))
    for variable, target in pairs:
        factor = factors.get(id(variable))
        # Copied: on JAX a step of training gives the buffers of its model away.
        value = keras.ops.copy(keras.ops.convert_to_tensor(variable))
        if factor is not None:
            value = value * keras.ops.cast(factor, value.dtype)
            # Of a layer of the user's own, whose config does not hold it.
            target.constraint = None
        target.assign(value)
    carry_adapted(model, plain)
    carry_constraints(plain, [pair for pair in pairs if id(pair[0]) not in factors])
    return plain


def _shapes(variables):
    return [tuple(variable.shape) for variable in variables]


def _of_config(model):
    plain = type(model).from_config(_plain(copy.deepcopy(model.get_config())))
    if not plain.built:
        plain.build_from_config(model.get_build_config())
    return plain


def _layer_by_layer(model):
    """A copy of a Functional or Sequential model in which what is one layer there is one."""
    models = [one for one in model._flatten_layers() if isinstance(one, keras.Model)]
    taken = {one.name for each in models for one in getattr(each, "operations", each.layers)}

    def anew(layer):
        if not isinstance(layer, keras.layers.Layer):
            return type(layer).from_config(layer.get_config())
        config = copy.deepcopy(keras.saving.serialize_keras_object(layer))
        return keras.saving.deserialize_keras_object(_plain(config, taken))

    with taken_as_not_compiled(model):
        return keras.models.clone_model(model, clone_function=anew, recursive=True)


def _copied(model, way):
    try:
        return way(model)
    # Whatever a class of the user's own does when it is made anew.
    except Exception as fault:
        raise ValueError(
            f"`model` of `bake` must be copyable from its config: {model.name!r} is not. "
            f"{why_not_anew(model, fault)}"
        ) from fault


def _plain(config: Any, taken: set[str] | None = None) -> Any:
    """A config in which layers that take the scale of their activation have it no more.

    Initializers are Keras' own. Layers in a `Reparametrized` stand in its place.

    Args:
        config: A config, or part of one.
        taken: The names of the layers beside it, where they may not be the same.
    """
    if isinstance(config, list):
        return [_plain(item, taken) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("registered_name") == _REPARAMETRIZED:
        own = config["config"]
        name = _name_of(own, taken)
        inner = {**own["layer"], "config": {**own["layer"]["config"], "name": name}}
        config = {**config, **inner}
    config = without_starts(without_scale(config))
    layers: Any = config.get("layers")
    beside = _names(layers) if isinstance(layers, list) else None
    return {key: _plain(v, beside if key == "layers" else None) for key, v in config.items()}


def _names(layers):
    configs = [one.get("config") for one in layers if isinstance(one, dict)]
    return {one["name"] for one in configs if isinstance(one, dict) and "name" in one}


def _name_of(wrapper, taken):
    """The name of a `Reparametrized`, or, where Keras made that up, of the layer in it."""
    name, own = wrapper["name"], wrapper["layer"]["config"].get("name")
    if own is None or not _MADE_UP.fullmatch(name) or own in (taken or ()):
        return name
    if taken is not None:
        taken.add(own)
    return own
