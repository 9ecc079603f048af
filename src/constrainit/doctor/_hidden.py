"""Weights in objects that Keras does not look into."""

import contextlib
import itertools
import math
import types
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from constrainit.doctor._evidence import HiddenEvidence
from constrainit.doctor._frames import is_of_user
from constrainit.doctor._held_by_functions import functions_of, held_by, weights_of
from constrainit.doctor._plain import custom_layers, differ, outputs_of
from constrainit.doctor._state import snapshot

_DEEP, _MOST = 3, 1000
_OF_KERAS = (keras.Variable, keras.layers.Layer, keras.optimizers.Optimizer, keras.metrics.Metric)
_NO_HOLDERS = (types.ModuleType, types.FunctionType, types.MethodType, type, str, bytes)


def hidden_weights(problem: Any) -> list[HiddenEvidence]:
    """The trainable weights that a layer of the user's own computes with and Keras knows not of."""
    known, found = {id(variable) for variable in problem.model.variables}, []
    for layer, name, value, seen, function in _candidates(problem.model):
        parts = list({id(part): part for part, _ in seen}.values())
        lost = [v for part in parts for v in weights_of(part) if id(v) not in known]
        if lost and problem.is_small and _matter(problem, lost):
            places = list(dict.fromkeys(place for _, place in seen))
            numbers = sum(math.prod(v.shape) for v in lost)
            kind = type(value).__name__
            found.append(HiddenEvidence(layer, name, kind, parts, places, numbers, function))
            # Several functions may read the same.
            known |= {id(v) for v in lost}
    return found


def _candidates(model):
    for layer in custom_layers(model):
        for name, value, seen in _unseen(layer):
            yield layer, name, value, seen, ""
    for layer in {id(one): one for one in model._flatten_layers()}.values():
        for function in functions_of(layer):
            for name, value in held_by(function).items():
                yield layer, name, value, list(_parts(value, name, 1)), function.__name__


def _unseen(layer: Any) -> Iterator[tuple[str, Any, list[tuple[Any, str]]]]:
    """The attributes of a layer that hold others: name, value, and what is in it and where.

    Keras follows attributes that are layers, variables, and lists, tuples, dictionaries and sets of
    them. An object of another class is none of these, nor what it holds: three levels of it are
    looked through, and a thousand items of each list. Of private attributes those are looked at
    that are of a class of the user's own.
    """
    for name, value in list(vars(layer).items()):
        of_user = not name.startswith("_") or is_of_user(type(value))
        if of_user and not isinstance(value, (*_OF_KERAS, *_NO_HOLDERS)):
            found = list(_parts(value, f"self.{name}", _DEEP))
            if found:
                yield name, value, found


def _parts(value: Any, place: str, deep: int) -> Iterator[tuple[Any, str]]:
    if isinstance(value, (keras.Variable, keras.layers.Layer)):
        yield value, place
    elif deep and not isinstance(value, (*_OF_KERAS, *_NO_HOLDERS)):
        if isinstance(value, dict):
            held = ((part, f"*{place}.values()") for part in list(value.values()))
        elif isinstance(value, (list, tuple, set, frozenset)):
            held = ((part, f"*{place}") for part in list(value))
        else:
            held = ((part, f"{place}.{name}") for name, part in _attributes(value).items())
        for part, where in itertools.islice(held, _MOST):
            yield from _parts(part, where, deep - 1)


def _attributes(value):
    """The attributes of an object by name, those in slots of the user's own classes, too."""
    kinds = [kind for kind in type(value).__mro__ if is_of_user(kind)]
    slots = (vars(kind).get("__slots__", ()) for kind in kinds)
    names = [n for own in slots for n in ((own,) if isinstance(own, str) else own)]
    held = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {**held, **getattr(value, "__dict__", {})}


def _matter(problem, variables):
    """Whether the outputs are others with half of these weights, and a half in place of zeros."""
    kept = [snapshot(v) for v in variables]
    # What the user's model raises here it has raised before.
    with contextlib.suppress(Exception):
        before = outputs_of(problem)
        try:
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(ops.where(value == 0, ops.ones_like(value), value) * 0.5)
            return differ(before, outputs_of(problem))
        finally:
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)
    return False
