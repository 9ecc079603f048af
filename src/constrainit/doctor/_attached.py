"""Constraints that a layer was given and that no step applies to a weight."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._joint import Member
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import written
from constrainit.model import WeightRecord
from constrainit.sets import Custom, as_set

PENALTY = "regularizer"
"""The place of a constraint that `add_weight` was given as a penalty."""

_CLEARLY = 0.01
"""How far outside of a set a weight is that is not inside but for rounding, or an approximation."""

_BATCH = 4
"""Of how many examples the batch is that a penalty on what a layer gives is asked with."""


def unattached(weights: Sequence[WeightRecord]) -> list[tuple[WeightRecord, str]]:
    """Weights whose layer was given a constraint that Keras never read, and its kind."""
    found = []
    for record in weights:
        held = held_by_layer(record)
        if held is not None and record.constraint is None and not _is_quantized(record.layer):
            found.append((record, type(held).__name__))
    return found + _held_by_layers(weights, {id(r.layer) for r, _ in found})


def replaced(weights: Sequence[WeightRecord], came_with: dict[int, Any]) -> list[WeightRecord]:
    """Weights that leave the set which their layer holds for them, as another one has its place.

    A variable holds one constraint: another layer that shares it may have given it its own. One
    that a treatment has put in its place is no fault of the model.
    """
    same = [r for r in weights if came_with.get(id(r.variable)) is r.constraint]
    return [record for record in same if _leaves(record, held_by_layer(record))]


def held_and_other(record: WeightRecord) -> tuple[str, str]:
    """The set that a layer holds for a weight, and the one that the weight has, as written."""
    return _named(held_by_layer(record)), _named(record.constraint)


def _named(constraint):
    a_set = as_set(constraint)
    own = isinstance(a_set, Custom)
    return getattr(constraint, "__name__", type(constraint).__name__) if own else written(a_set)


def _leaves(record, held):
    """Whether the constraint of a weight lets it out of the set of another one."""
    constraint = record.constraint
    if not is_constraint(held) or constraint in (None, held) or isinstance(constraint, Member):
        return False
    # An own class may be made of the other one, or of any number of arguments that do not fit.
    try:
        a_set = record.resolved(held)
        value = ops.convert_to_numpy(record.value).astype("float64")
        size = np.sqrt(np.mean(value**2)) or 1.0
        away = value + np.random.default_rng(0).normal(size=value.shape) * size
        image = copy.copy(constraint)(ops.convert_to_tensor(away, record.dtype))
        peak = float(ops.max(ops.abs(image)))
        outside = float(a_set.violation(image))
    except Exception:
        return False
    parts = (
        keras.tree.flatten(list(vars(constraint).values()))
        if hasattr(constraint, "__dict__")
        else ()
    )
    known = not isinstance(a_set, Custom) and not any(is_constraint(one) for one in parts)
    return known and outside > _CLEARLY * peak


def _held_by_layers(weights, known):
    """Weights of layers of the user's own that hold a constraint which no weight has."""
    attached = {id(r.constraint) for r in weights}
    layers = {id(r.layer): r.layer for r in weights if is_custom(r.layer)}
    found = []
    for layer in layers.values():
        free = _free_weight(weights, layer)
        for value in vars(layer).values():
            is_one = is_constraint(value) and id(value) not in attached
            if is_one and free is not None and id(layer) not in known:
                found.append((free, type(value).__name__))
    return found


def held_for(record: WeightRecord) -> tuple[str, str] | None:
    """The kind of a constraint that a layer holds for what is no weight of its own, and its name.

    Such as `kernel_constraint` of a decoder whose `kernel` is that of an encoder: not meant for
    another weight that the layer has.
    """
    # A layer counts a variable that it was given among its own; the path tells who made it.
    layer = record.layer
    own = {id(v) for v in layer.variables if v.path == f"{layer.path}/{v.name}"}
    for name, value in vars(layer).items():
        stem = name.removesuffix("_constraint")
        held = getattr(layer, stem, None) if stem != name else None
        if held is not None and id(held) not in own and is_constraint(value):
            return type(value).__name__, stem
    return None


def misplaced(weights: Sequence[WeightRecord]) -> list[tuple[WeightRecord, str, str]]:
    """Weights whose layer was given a constraint as something else: its kind, and as what.

    A penalty may be written as a class of its own that inherits from `Constraint`: what gives a
    single number for a weight of many is no constraint, and right where it is.
    """
    layers = {id(r.layer): r.layer for r in weights}
    found = []
    for layer in layers.values():
        places = {} if is_custom(layer) else dict(_other_places(layer))
        for place, value in places.items():
            free = _free_weight(weights, layer, place)
            if free is not None and not (PENALTY in place and _gives_a_number(value, layer)):
                found.append((free, type(value).__name__, place))
    told = {id(record.layer) for record, *_ in found}
    for record in weights:
        held = getattr(record.variable, "regularizer", None)
        known = id(record.layer) in told or not is_constraint(held)
        if not known and not _gives_a_number(held, record.layer):
            found.append((record, type(held).__name__, PENALTY))
    return found


def _other_places(layer: Any) -> Iterator[tuple[str, Any]]:
    """The arguments of one of Keras' layers that are no constraints, and were given one."""
    for name, value in vars(layer).items():
        if is_constraint(value) and not name.endswith("constraint"):
            yield name, value


def _gives_a_number(held: Any, layer: Any) -> bool:
    """Whether it makes one number of a weight of the layer, or of what such a layer gives."""
    draws = np.random.default_rng(0)
    shapes = [tuple(v.shape) for v in layer.variables if len(v.shape) > 1]
    for shape in [*shapes, *((_BATCH, shape[-1]) for shape in shapes)]:
        try:
            # A copy: it may keep what it was called with.
            found = copy.copy(held)(ops.convert_to_tensor(draws.normal(size=shape), "float32"))
            if np.prod(shape) > 1 and np.size(ops.convert_to_numpy(found)) == 1:
                return True
        # It is meant for another shape, or fails: that is told where it runs.
        except Exception:
            continue
    return False


def is_constraint(value: Any) -> bool:
    """Whether a value is a constraint of Keras, or one of this library."""
    return isinstance(value, keras.constraints.Constraint)


def _free_weight(weights, layer, place=""):
    """The first weight of a layer without a constraint, or None.

    If there are such, the one that a place is for, as `bias_regularizer`; else a kernel. None, too,
    where that one has a constraint: no other is meant.
    """
    all_of_it = [r for r in weights if r.layer is layer]
    own = [r for r in all_of_it if r.constraint is None]
    meant = [r for r in own if place == f"{r.argument}_{PENALTY}"]
    if not meant and any(place == f"{r.argument}_{PENALTY}" for r in all_of_it):
        return None
    return next(iter(meant or [r for r in own if len(r.shape) > 1] or own), None)


def quantized(weights: Sequence[WeightRecord]) -> list[tuple[str, str]]:
    """Layers that hold whole numbers in place of a weight that has a constraint, and its kind."""
    found = {}
    for record in weights:
        held = held_by_layer(record)
        if held is not None and record.constraint is None and _is_quantized(record.layer):
            found[record.layer.name] = type(held).__name__
    return list(found.items())


def held_by_layer(record):
    """The constraint that the layer was given for a weight, by the name of its argument."""
    return getattr(record.layer, f"{record.argument}_constraint", None)


def _is_quantized(layer):
    return getattr(layer, "quantization_mode", None) is not None
