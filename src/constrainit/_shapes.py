"""Whether a batch has the shapes that a model takes."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import tree


def input_specs(model: Any) -> Any:
    """The symbolic inputs of a model, in its own structure, or None if it does not say."""
    if isinstance(model, keras.Sequential):
        return model.inputs[0] if model.built else None
    return getattr(model, "_inputs_struct", None)


def misfits(specs: Any, x: Any) -> list[tuple[tuple[int, ...] | None, tuple[Any, ...] | None]]:
    """The shapes of the inputs that do not fit, each with the one that the model takes.

    None where the batch has no such input, or the model takes none. Inputs with names are compared
    by these, in whatever order they come.
    """
    pairs = [
        (None if part is None else np.shape(part), None if spec is None else tuple(spec.shape))
        for spec, part in _pairs(specs, x)
    ]
    return [(came, wanted) for came, wanted in pairs if not _fits(came, wanted)]


def _pairs(specs: Any, x: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(x, dict):
        yield from itertools.zip_longest(tree.flatten(specs), tree.flatten(x))
        return
    named = specs if isinstance(specs, dict) else {s.name: s for s in tree.flatten(specs)}
    for name, spec in named.items():
        if name in x:
            yield from _pairs(spec, x[name])
        else:
            yield from ((one, None) for one in tree.flatten(spec))


def _fits(came, wanted):
    """Whether a shape is the one that is wanted, for any number of examples."""
    return (
        came is not None
        and wanted is not None
        and len(came) == len(wanted)
        and all(w in (None, c) for w, c in zip(wanted[1:], came[1:], strict=True))
    )
