"""Whether Keras saves the constraint of a weight, which is for the config of its layer to say."""

import contextlib
import inspect
import uuid
from collections.abc import Iterable
from typing import Any

import keras

from constrainit._effective import is_adapted, remember
from constrainit._set import ConstraintSet
from constrainit._warning import warn
from constrainit.model import WeightRecord, walk
from constrainit.sets import Custom


def give(record: WeightRecord, constraint: Any, argument: Any) -> None:
    """Gives a weight its constraint, and the layer what its config is to say of it.

    Args:
        record: The weight.
        constraint: What acts on it, None for nothing.
        argument: What the layer would have been made with.
    """
    record.variable.constraint = constraint
    if _has_argument(record):
        setattr(record.layer, f"{record.argument}_constraint", argument)
    elif is_adapted(record):
        remember(record, argument)


def _has_argument(record):
    """Whether the layer takes a constraint for this weight; with LoRA it would not load with it."""
    return hasattr(record.layer, f"{record.argument}_constraint") and not is_adapted(record)


class _Marker(keras.constraints.Constraint):
    """Put in a layer for a moment to see whether the model's config would save it."""

    def __init__(self, token: str):
        self.token = token

    def get_config(self):
        return {"token": self.token}


def unsaved(model: keras.Model, records: Iterable[WeightRecord]) -> list[str]:
    """The paths of the weights whose constraint the config of the model would not hold."""
    marked, lost = [], []
    for record in records:
        attribute = f"{record.argument}_constraint"
        if _has_argument(record):
            marked.append((record, attribute, getattr(record.layer, attribute), uuid.uuid4().hex))
        else:
            lost.append(record.path)
    try:
        for record, attribute, _, token in marked:
            setattr(record.layer, attribute, _Marker(token))
        config = str(model.get_config())
    except NotImplementedError:
        config = ""
    finally:
        for record, attribute, before, _ in marked:
            setattr(record.layer, attribute, before)
    return lost + [record.path for record, _, _, token in marked if token not in config]


def saved_by_outer(
    model: keras.Model, given: Iterable[tuple[WeightRecord, Any]], lost: Iterable[str]
) -> str:
    """What to write where a layer around those of the weights has an argument that is saved.

    Such as `MultiHeadAttention`, which gives its `kernel_constraint` to the layers that it makes.

    Args:
        model: The model.
        given: Weights, each with the set that it was given.
        lost: The paths of those of them whose set is not saved.

    Returns:
        A sentence; empty if there is no layer whose weights of one argument are all of them lost
        and have one set.
    """
    sets = {id(one.variable): a_set for one, a_set in given if one.path in {*lost}}
    outer: dict[int, tuple[Any, ...]] = dict(_outer(model, ()))
    found: dict[tuple[int, str], tuple[Any, list[Any]]] = {}
    for record in walk(model):
        for layer, takes in outer[id(record.layer)]:
            if f"{record.argument}_constraint" in takes:
                _, pairs = found.setdefault((id(layer), record.argument), (layer, []))
                pairs.append(sets.get(id(record.variable)))
                break
    told = []
    for (_, argument), (layer, (first, *others)) in found.items():
        if isinstance(first, ConstraintSet) and all(one == first for one in others):
            told.append(f"{_as_argument(layer, argument, first)} in {layer.name!r}")
    return f" Or write {' and '.join(told)}, which saves it." if told else ""


def _outer(layer, around):
    """By the id of each layer those around it, the nearest first, with what they take and save."""
    yield id(layer), around
    known = [name for name in _taken(layer) if name.endswith("_constraint")]
    if layer._layers and known:
        # What a class of the user's own does not say it does not save.
        with contextlib.suppress(Exception):
            around = (layer, {*known} & {*layer.get_config()}), *around
    for inner in layer._layers:
        yield from _outer(inner, around)


def _taken(layer):
    return inspect.signature(type(layer).__init__).parameters


def _as_argument(layer, argument, a_set):
    # Here, as little else of this library needs the doctor.
    from constrainit.doctor._set_code import written

    own = "..." if isinstance(a_set, Custom) else written(a_set)
    starts = f"{argument}_initializer" in _taken(layer)
    return f"**ci.constrained({argument}={own})" if starts else f"{argument}_constraint={own}"


def warn_of_lost(paths: Iterable[str], removal: bool = False, instead: str = "") -> None:
    """Warns that what weights obey is not in the file of a saved model, if there are any.

    Args:
        paths: Their paths.
        removal: Whether it is a constraint taken off that comes back.
        instead: What can be written so that it is saved, as a sentence behind the others.
    """
    names = ", ".join(map(repr, paths))
    if names:
        what = "the removal of the constraint" if removal else "the constraint"
        warn(
            f"Keras can not save {what} of {names}: the layer has no argument for it, or its "
            "config leaves it out. A loaded model has what its layers give themselves; call "
            f"`constrain` again after loading.{instead}"
        )
