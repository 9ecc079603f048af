"""Remedies for layers that all leave the same coordinates: they take turns."""

from typing import Any

import keras
import numpy as np

from constrainit._words import listed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._edit_flips import without_last_flip
from constrainit.doctor.treatments._pastes import may_be_made_up
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments.source import edited_layer


def alternating(place):
    """A remedy: what all layers hold of zeros and ones, the other way in every second one.

    Args:
        place: Of how many such attributes this one is tried; masks come before flags.
    """

    def apply(problem, evidence, found):
        made = evidence.untouched
        names = _held_alike(made.layers, len(made.varying))
        if place >= len(names):
            return None
        name, turned = names[place], made.layers[1::2]
        other = _other(vars(turned[0])[name])
        for layer in turned:
            vars(layer)[name] = other
        layers = ", ".join(_written(problem, layer) for layer in turned)
        return Changed(
            f"{name} is the other way in every second layer, {listed([o.name for o in turned])}",
            with_other(problem),
            f"for layer in [{layers}]:\n    layer.{name} = {_value(name, other)}",
        )

    return apply


def without_the_way_back(problem, evidence, found):
    """The class of the layers without the last of the flips in its `call`, where it has two."""
    return edited_layer(problem, [evidence.untouched.layers[0].name], without_last_flip)


def _held_alike(layers, count):
    """The attributes of zeros and ones that are the same in all of the layers, masks first."""
    names = sorted(set(vars(layers[0])) - set(vars(keras.layers.Layer())))
    kept = []
    for name in [one for one in names if not one.startswith("_")]:
        first, *others = (_zeros_and_ones(vars(layer).get(name), count) for layer in layers)
        if first is not None and all(v is not None and np.array_equal(v, first) for v in others):
            kept.append((first.ndim == 0, name))
    return [name for _, name in sorted(kept)]


def _zeros_and_ones(value: Any, count: int) -> np.ndarray | None:
    """A value as an array: one zero or one for each coordinate, or a flag; None if it is none."""
    if isinstance(value, int):
        return np.array(value) if value in (0, 1) else None
    if isinstance(value, keras.Variable) or not hasattr(value, "__len__") or len(value) != count:
        return None
    try:
        numbers = to_numpy(value) if hasattr(value, "shape") else np.array(list(value), "float64")
    # A list may hold anything.
    except (TypeError, ValueError):
        return None
    return numbers if np.isin(numbers, (0, 1)).all() and np.ptp(numbers) > 0 else None


def _other(value):
    """The same the other way, in the form that it has."""
    if isinstance(value, bool):
        return not value
    return (
        1 - value if hasattr(value, "shape") or isinstance(value, int) else [1 - v for v in value]
    )


def _value(name, other):
    return f"1 - layer.{name}" if hasattr(other, "shape") else repr(other)


def _written(problem, layer):
    held = list(problem.model.layers)
    if layer in held and may_be_made_up(layer):
        return f"model.layers[{held.index(layer)}]"
    return f"model.get_layer({layer.name!r})"
