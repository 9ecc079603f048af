"""Arrays that a layer keeps beside its weights, and that come back from a file as others."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from constrainit.doctor._code import as_kind, kind_of_layer
from constrainit.doctor._computed import set_outside_call
from constrainit.doctor._frames import Source
from constrainit.doctor._plain import custom_layers, outputs_of
from constrainit.doctor._randomness import undisturbed
from constrainit.doctor._reloaded import is_dear, names_as_before
from constrainit.doctor._state import attribute

_TWICE = 2
"""One draw may be the same, where a seed was set again before."""

_NOTICEABLE = 1e-4
_BEYOND_NOISE = 10.0


class DrawnAnew(NamedTuple):
    """A layer whose arrays are others once it is made from its config, built and loaded.

    Attributes:
        layer: The layer.
        values: The arrays, by the attribute that each is.
        apart: How far outputs of the model move at most with the others.
        spread: The deviation of these outputs.
        source: The user's own line that sets the first of them, None where that is not known.
    """

    layer: Any
    values: dict[str, Any]
    apart: float
    spread: float
    source: Source | None


def drawn_anew(problem: Any, computed: list[Any]) -> list[DrawnAnew]:
    """The user's own layers that a file gives back with other arrays, where outputs tell.

    Each is made as Keras loads it: from its config, built from the shapes that it was built for,
    with the values of its variables. What a call has left there it does not have yet.

    Args:
        problem: What is looked at.
        computed: The arrays that were computed from weights once, as evidence.
    """
    known = {(id(made.holder), made.name) for made in computed}
    candidates = []
    for layer in custom_layers(problem.model):
        kept = {n: v for n, v in _kept(layer) if (id(layer), n) not in known}
        if kept and not is_dear(layer, whole_models=True):
            candidates.append((layer, kept))
    found = []
    # Whatever the user's code raises here it raises elsewhere, too, or can not be saved at all.
    with contextlib.suppress(Exception), undisturbed():
        noise = None
        for layer, kept in candidates if problem.is_small else []:
            others = _others(layer, kept)
            if not others:
                continue
            if noise is None:
                before = outputs_of(problem)
                noise = _apart(before, outputs_of(problem))
            with contextlib.ExitStack() as stack:
                for name, value in others.items():
                    stack.enter_context(attribute(layer, name, value))
                apart = _apart(before, outputs_of(problem))
            size = max((float(np.max(np.abs(one), initial=0.0)) for one in before), default=0.0)
            if apart > max(_NOTICEABLE * size, _BEYOND_NOISE * noise):
                spread = max(float(np.std(one)) for one in before)
                values = {name: kept[name] for name in others}
                found.append(DrawnAnew(layer, values, apart, spread, _line(layer, values)))
    return found


def made_again(layer: Any, kind: Any = None, load: bool = True) -> Any:
    """A layer made as Keras would load this one.

    Args:
        layer: The layer.
        kind: A class in place of its own.
        load: Whether it gets the values of the variables.
    """
    kind = kind or kind_of_layer(layer)
    own = layer if kind is type(layer) else _without_methods(as_kind(layer, kind), kind)
    again = kind.from_config(own.get_config())
    shapes = own.get_build_config()
    if shapes and not again.built:
        again.build_from_config(shapes)
    if load:
        stored: dict[str, Any] = {}
        own.save_own_variables(stored)
        again.load_own_variables(stored)
    return again


def _without_methods(layer, kind):
    """A layer that has the methods of its class, not those that were given to it."""
    for name in vars(kind):
        vars(layer).pop(name, None)
    return layer


def is_array(value: Any) -> bool:
    """Whether a value is an array or a tensor, and no variable."""
    if isinstance(value, (keras.Variable, keras.KerasTensor)):
        return False
    return isinstance(value, np.ndarray) or ops.is_tensor(value)


def _kept(layer) -> Iterator[tuple[str, Any]]:
    """The arrays among the attributes of a layer, and the numbers that its own code sets there."""
    said = None
    for name, value in list(vars(layer).items()):
        if is_array(value):
            yield name, value
        elif _is_number(value) or _are_numbers(value):
            said = dict(set_outside_call(type(layer))) if said is None else said
            if name in said:
                yield name, value


def _is_number(value):
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _are_numbers(value):
    return isinstance(value, (list, tuple)) and bool(value) and all(map(_is_number, value))


def _others(layer, kept):
    """What the attributes are in a layer that is made again, where that is something else."""
    found = {}
    with contextlib.suppress(Exception), names_as_before():
        for _ in range(_TWICE):
            own = vars(made_again(layer))
            for name, value in kept.items():
                other = own.get(name)
                if _is_other(value, other):
                    found[name] = other
    return found


def _is_other(value, other):
    """Whether two arrays, or numbers, are of one form and differ."""
    if is_array(value) != is_array(other) or other is None:
        return False
    if not is_array(value) and not _is_number(other) and not _are_numbers(other):
        return False
    one, two = _as_array(value), _as_array(other)
    return one.shape == two.shape and one.size > 0 and not _is_equal(one, two)


def _as_array(value):
    is_tensor = ops.is_tensor(value)
    return np.asarray(ops.convert_to_numpy(ops.stop_gradient(value)) if is_tensor else value)


def _is_equal(one, two):
    return np.array_equal(one, two, equal_nan=one.dtype.kind in "fc" and two.dtype.kind in "fc")


def _apart(before, after):
    """How far outputs are from others at most; not at all where either is not finite."""
    moved = [np.abs(a - b) for a, b in zip(before, after, strict=True)]
    return max((float(np.max(m, initial=0.0)) for m in moved if np.isfinite(m).all()), default=0.0)


def _line(layer, values):
    said = dict(set_outside_call(kind_of_layer(layer)))
    return next((said[name][1] for name in values if name in said), None)
