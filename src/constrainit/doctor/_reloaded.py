"""Arguments of layers of the user's own that come back as others from their config."""

import ast
import contextlib
import inspect
import math
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
from keras.src.backend.common import global_state

from constrainit._signatures import NAMED
from constrainit.doctor._code import function_of
from constrainit.doctor._constructor import is_plain, is_same, kept_arguments
from constrainit.doctor._plain import custom_layers

_MOST = 10_000_000


class Lost(NamedTuple):
    """A layer whose config leaves arguments out.

    Attributes:
        layer: The layer.
        arguments: What each argument is, and what it is in a layer made from the config.
    """

    layer: Any
    arguments: dict[str, tuple[Any, Any]]


def lost_by_config(model: keras.Model) -> list[Lost]:
    """The layers of the user's own that `get_config` and `from_config` give back as others.

    A layer is made from its config only where that lacks an argument whose default is another one
    than the layer has; it is not built. Attributes that change after the constructor are no
    arguments any more, and are left out.
    """
    found = []
    for layer in custom_layers(model):
        # Whatever the user's own code raises: then Keras saves no such layer.
        with contextlib.suppress(Exception):
            arguments = {} if is_dear(layer) else _lost(layer)
            if arguments:
                found.append(Lost(layer, arguments))
    return found


def is_dear(layer: Any, whole_models: bool = False) -> bool:
    """Whether another one may take long to make: a large one, or a model unless these are asked."""
    within = layer._flatten_layers()
    sizes = sum(math.prod(weight.shape) for weight in layer.weights)
    models = any(isinstance(one, keras.Model) for one in within)
    return sizes > _MOST or (models and not whole_models)


def _lost(layer):
    config, places = layer.get_config(), _places(type(layer))
    suspects = {}
    for one in inspect.signature(type(layer)).parameters.values():
        given = one.kind in NAMED and one.name not in config and one.default is not one.empty
        name = places.get(one.name, "")
        if given and hasattr(layer, name):
            value = getattr(layer, name)
            if is_plain(value) and not is_same(value, one.default):
                suspects[one.name] = (name, value)
    if not suspects:
        return {}
    with names_as_before():
        again = type(layer).from_config(config)
    now = {name: (value, getattr(again, at)) for name, (at, value) in suspects.items()}
    return {n: two for n, two in now.items() if is_plain(two[1]) and not is_same(*two)}


@contextlib.contextmanager
def names_as_before() -> Iterator[None]:
    """Keras counts the layers that it has to name."""
    counts = global_state.get_global_attribute("object_name_uids")
    held = None if counts is None else counts.copy()
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", held)


def _places(kind):
    """Where a class keeps each argument of its constructor, if nothing else writes there."""
    text = textwrap.dedent(inspect.getsource(kind.__init__))
    kept = {name: place.partition(".")[2] for name, place in kept_arguments(text).items()}
    codes = [
        function_of(method)
        for one in kind.__mro__ if one.__module__.split(".")[0] not in ("keras", "builtins")
        for name, method in vars(one).items() if inspect.isfunction(method) and name != "__init__"
    ]  # fmt: skip
    later = {
        node.attr
        for code in codes if code is not None
        for node in ast.walk(code)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }  # fmt: skip
    return {name: place for name, place in kept.items() if place not in later}
