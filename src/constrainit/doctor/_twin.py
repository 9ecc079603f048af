"""A model like one that is not built, and the classes that models are made of."""

import inspect

import keras

from constrainit.doctor._state import compiled_as


def twin_of(model: keras.Model) -> keras.Model | None:
    """A model like one that is not built, so that the original stays as it is; None if none is.

    The constraints are the original objects: their configs may leave arguments out.
    """
    try:
        with keras.saving.custom_object_scope(own_classes(model)):
            twin = _from_config(type(model), model.get_config())
    # A user's `get_config` may raise anything, or not exist.
    except Exception:
        return None
    for original, copy in zip(model._flatten_layers(), twin._flatten_layers(), strict=True):
        copy.name = original.name
        for name, value in vars(original).items():
            if name.endswith("_constraint") and value is not None:
                setattr(copy, name, value)
    # What `compile` of a model's own has set, too.
    others = {name: value for name, value in vars(model).items() if name not in vars(twin)}
    vars(twin).update(others)
    compiled_as(model, twin)
    twin.optimizer = getattr(model, "optimizer", None)
    return twin


def own_classes(model: keras.Model) -> dict[str, type]:
    """The classes of the parts of a model by name, for a model that is made like it."""
    parts = [part for layer in model._flatten_layers() for part in (layer, *vars(layer).values())]
    parts += [getattr(variable, "constraint", None) for variable in model.variables]
    return {type(part).__name__: type(part) for part in parts}


def _from_config(kind, config):
    try:
        return kind.from_config(config)
    except TypeError:
        # Keras puts these into the config of a model whose `__init__` may not take them.
        taken = inspect.signature(kind.__init__).parameters
        lost = {name for name in ("name", "trainable", "dtype") if name not in taken}
        if not lost & set(config):
            raise
        return kind.from_config({k: v for k, v in config.items() if k not in lost})
