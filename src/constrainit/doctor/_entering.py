"""What enters layers while the model runs."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from constrainit.doctor._state import attribute


@contextlib.contextmanager
def noting(layers: Iterable[Any], note: Callable[[Any, Any], Any]) -> Iterator[None]:
    """While the model runs, `note` is given each of the layers and its inputs before its call."""
    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(attribute(layer, "call", _noted(layer, note)))
        yield


def note_in_prediction(
    problem: Any, layers: Iterable[Any], note: Callable[[Any, Any], Any]
) -> None:
    """As `noting`, in one pass over the batch, if there are layers; the pass may break off."""
    layers = list(layers)
    # What raises in it has been met in training, or is what the pass is for.
    with noting(layers, note), contextlib.suppress(Exception):
        if layers:
            problem.model(problem.x, training=False)


def _noted(layer, note):
    call = layer.call

    def run(inputs, *args, **kwargs):
        note(layer, inputs)
        return call(inputs, *args, **kwargs)

    return run
