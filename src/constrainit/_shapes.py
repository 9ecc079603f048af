"""Whether a batch has the shapes that a model takes."""

import difflib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import tree


def input_specs(model: Any) -> Any:
    """The symbolic inputs of a model, in its own structure, or None if it does not say."""
    if isinstance(model, keras.Sequential):
        return model.inputs[0] if model.built else None
    return getattr(model, "_inputs_struct", None)


def in_declared_order(function: Callable, specs: Any) -> Any:
    """What a function makes of each input, in their structure; dictionaries are not sorted."""
    if isinstance(specs, dict):
        return {name: in_declared_order(function, part) for name, part in specs.items()}
    if isinstance(specs, (list, tuple)):
        return type(specs)(in_declared_order(function, part) for part in specs)
    return function(specs)


def misfits(specs: Any, x: Any) -> list[tuple[tuple[int, ...] | None, tuple[Any, ...] | None]]:
    """The shapes of the inputs that do not fit, each with the one that the model takes.

    None where the batch has no such input, or the model takes none. Inputs with names are compared
    by these, in whatever order they come.
    """
    pairs = [
        (None if part is None else np.shape(part), None if spec is None else tuple(spec.shape))
        for spec, part in paired(specs, x)
    ]
    return [(came, wanted) for came, wanted in pairs if not _fits(came, wanted)]


def compared(specs: Any, x: Any, model: str) -> tuple[str, str, str]:
    """What a batch must be, what came, and what to write in its place, if that is known.

    Inputs are called by their names, where the model or the batch has any.

    Args:
        specs: The symbolic inputs of the model.
        x: The batch.
        model: The name of the model.
    """
    named = isinstance(x, dict) or isinstance(specs, dict)
    wanted = by_name(specs) if named else {}
    shown = [f"{name!r} of the shape {tuple(spec.shape)}" for name, spec in wanted.items()]
    must = f"have the inputs of {model!r}: {', '.join(shown)}"
    if not named:
        must = f"be of the shape that {model!r} takes, {_shapes(specs)}"
    if not isinstance(x, dict):
        count = len(tree.flatten(x))
        kind = f"{count} without names, " if named and tree.is_nested(x) else ""
        inside = ", ".join(f"{name!r}: ..." for name in wanted)
        return must, f"{kind}{shapes_of(x)}", f" Write {{{inside}}}." if named else ""
    lacking = [name for name in wanted if name not in x]
    hints = []
    for name in x:
        like = difflib.get_close_matches(str(name), lacking, n=1) if name not in wanted else []
        hints += [f" Did you mean {one!r} in place of {name!r}?" for one in like]
        lacking = [one for one in lacking if one not in like]
    hints += [f" There is no {name!r}." for name in lacking]
    return must, shapes_of(x), "".join(hints)


def shapes_of(x: Any) -> str:
    """The shapes of a batch, of a dictionary with its keys."""
    if isinstance(x, dict):
        return ", ".join(f"{name!r} of the shape {_shapes(part)}" for name, part in x.items())
    return ", ".join(f"shape={np.shape(part)}" for part in tree.flatten(x))


def _shapes(parts):
    return ", ".join(str(tuple(part.shape)) for part in tree.flatten(parts))


def by_name(specs):
    """The inputs of a model by the names that a dictionary has for them."""
    if not isinstance(specs, dict):
        return {spec.name: spec for spec in tree.flatten(specs)}
    return {name: tree.flatten(part)[0] for name, part in specs.items()}


def paired(specs: Any, x: Any) -> Iterator[tuple[Any, Any]]:
    """Each input of a model with its part of a batch, by name where that is a dictionary.

    None where there is no such input, or no such part.
    """
    if not isinstance(x, dict):
        yield from itertools.zip_longest(tree.flatten(specs), tree.flatten(x))
        return
    named = specs if isinstance(specs, dict) else by_name(specs)
    for name, spec in named.items():
        if name in x:
            yield from paired(spec, x[name])
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
