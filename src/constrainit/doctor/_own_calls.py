"""Functions of a backend as code of the user's own calls them: noted or changed for a while."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras

from constrainit.doctor._frames import Source
from constrainit.doctor._state import attribute


@contextlib.contextmanager
def instead(module: Any, name: str, own: list[Any], function: Callable[..., Any]) -> Iterator[None]:
    """For a while `function(layer, given, x, ...)` is called where the user's code calls one.

    Args:
        module: The module of the backend that holds what is called.
        name: Its name there.
        own: The layers that run code of the user's own.
        function: What is called, with the running layer and what it stands for.
    """
    given = getattr(module, name)

    def called(x, *args, **more):
        layer = _running(own)
        if layer is None:
            return given(x, *args, **more)
        return function(layer, given, x, *args, **more)

    with attribute(module, name, called):
        yield


def _running(own):
    """The layer of the user's own whose code makes a call; None if another layer's does."""
    known, frame = {id(layer) for layer in own}, sys._getframe(2)
    while frame is not None:
        one = frame.f_locals.get("self")
        if isinstance(one, keras.layers.Layer) and not isinstance(one, keras.layers.Softmax):
            return one if id(one) in known else None
        frame = frame.f_back
    return None


def place_of(layer: Any, source: Source | None) -> tuple[type, int]:
    """Where a call stands in the user's code: layers of a class run the same line."""
    return type(layer), 0 if source is None else source.line


def by_place(calls: list[Any]) -> dict[tuple[type, int], list[Any]]:
    """Calls, each with its `layer` and `source`, by where they stand."""
    places: dict[tuple[type, int], list[Any]] = {}
    for one in calls:
        places.setdefault(place_of(one.layer, one.source), []).append(one)
    return places
