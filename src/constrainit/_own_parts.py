"""The classes and functions of the user's own that a model is made of, for a copy in this process.

Keras makes from a config only what is its own or registered; of a model that is there, its own
classes are at hand.
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras

_LAMBDA = "<lambda>"


@contextlib.contextmanager
def own_parts_known(model: Any) -> Iterator[None]:
    """Configs are made into layers of the classes, with the functions, that a model has.

    Raises:
        ValueError: A function of the user's own goes by a name of Keras, which a config would
            bring back in its place.
    """
    found: dict[str, Any] = {}
    several = set()
    for layer, argument, part in _parts(model):
        if (kind := _written_by_hand(part)) is None:
            continue
        name = keras.saving.get_registered_name(kind)
        if inspect.isfunction(kind) and hasattr(keras.activations, name):
            raise ValueError(
                f"`{argument}` of {layer.name!r} is a function of your own by a name of Keras, "
                f"{name!r}, and a copy would have that of Keras. Give it another name, or "
                "@keras.saving.register_keras_serializable()."
            )
        if found.setdefault(name, kind) is not kind:
            several.add(name)
    # Of two of one name a config does not tell which is meant: Keras goes on to say what to do.
    for name in several:
        del found[name]
    with keras.saving.custom_object_scope(found):
        yield


def shared_by_parts(model: Any) -> str:
    """The name of the first layer with weights that several parts of a model hold, or nothing."""
    holders: dict[int, Any] = {}
    for holder in dict.fromkeys(model._flatten_layers()):
        for layer in holder._layers:
            if layer.variables and holders.setdefault(id(layer), holder) is not holder:
                return layer.name
    return ""


def why_not_anew(model: Any, fault: Exception) -> str:
    """Why a model, or a layer, can not be made anew from its config, and what to write instead.

    Args:
        model: The model or layer.
        fault: What Keras raised; of a lambda it says pages.
    """
    return _told_lambda(model) or f"{type(fault).__name__}: {fault}"


def _told_lambda(model):
    """What to write in the place of the first lambda that is an argument of a layer, or nothing."""
    for layer, argument, part in _parts(model):
        if _is_lambda(part) and argument in inspect.signature(type(layer)).parameters:
            if isinstance(layer, keras.layers.Lambda):
                return (
                    "Write a layer class in the place of the Lambda, with its function as `call`, "
                    "or give it a function with a name under "
                    "@keras.saving.register_keras_serializable()."
                )
            return (
                f"`{argument}` of {layer.name!r} is a Python lambda, which Keras does not make "
                "anew. Give it a function with a name, by `def`."
            )
    return ""


def _parts(model):
    """The layers of a model, themselves and what they hold, with its owner and its name there."""
    for layer in model._flatten_layers():
        yield layer, "", layer
        for name, value in list(vars(layer).items()):
            # Keras puts methods in the place of those of the class: `build`, `quantize`.
            if not hasattr(type(layer), name):
                yield layer, name.lstrip("_"), value
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            yield layer, f"{variable.name}_constraint", getattr(variable, "constraint", None)


def _written_by_hand(part):
    """The function, or the class of an object, where neither is of Keras or of Python."""
    if _is_lambda(part):
        return None
    kind = part if inspect.isfunction(part) else type(part)
    package = (getattr(kind, "__module__", None) or "builtins").split(".")[0]
    able = inspect.isfunction(part) or hasattr(kind, "get_config") or hasattr(kind, "from_config")
    return kind if able and package not in ("keras", "builtins") else None


def _is_lambda(part):
    return inspect.isfunction(part) and part.__name__ == _LAMBDA
