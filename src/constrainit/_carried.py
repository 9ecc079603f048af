"""What a copy of a model is given besides the values of its weights."""

import tempfile
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from constrainit._joint import Group, Member
from constrainit._savable import give, unsaved, warn_of_lost
from constrainit._seen import trained_of
from constrainit._set import ConstraintSet
from constrainit.model import walk


def carry_adapted(model: Any, copy: Any) -> None:
    """Gives layers of a copy what the layers of a model were adapted to.

    A `Normalization` computes with other tensors than its variables, vocabularies are no variables.
    """
    layers, theirs = ([one for one in m._flatten_layers() if _adapts(one)] for m in (model, copy))
    for layer, other in zip(layers, theirs, strict=True):
        if hasattr(layer, "load_assets"):
            with tempfile.TemporaryDirectory() as folder:
                layer.save_assets(folder)
                other.load_assets(folder)
        elif layer.built:
            store: dict[str, Any] = {}
            layer.save_own_variables(store)
            # Values of their own: on JAX a step gives the buffers of its model away.
            other.load_own_variables({k: np.array(v) for k, v in store.items()})


def _adapts(layer):
    return hasattr(layer, "adapt")


def carry_constraints(copy: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Gives weights of a copy the constraints of a model that its config gives otherwise, or not.

    A weight that was seen in a set obeys that, whatever constraint its layer has besides. What the
    copy can not be saved with is told.

    Args:
        copy: The copy, a built model.
        pairs: Weights of a model and those of the copy that take their place.
    """
    groups: dict[int, Group] = {}
    records = {id(record.variable): record for record in walk(copy)}
    given, lost = [], []
    for variable, target in pairs:
        seen = trained_of(variable) is not variable
        constraint = variable.set if seen else getattr(variable, "constraint", None)
        record = records.get(id(target))
        if record is None or _is_same(record, constraint):
            continue
        if not isinstance(constraint, Member):
            give(record, constraint, constraint)
            given.append(record)
            continue
        group = groups.setdefault(id(constraint.group), Group(constraint.group.joint))
        member = group.member(record.layer, target.name, record.shape, record.path)
        group.bind(member, target)
        give(record, member, None)
        lost.append(record.path)
    warn_of_lost([*lost, *unsaved(copy, [one for one in given if one.constraint])])
    warn_of_lost(unsaved(copy, [one for one in given if not one.constraint]), removal=True)


def _is_same(record, constraint):
    """Whether a weight has this constraint already, or one that does the same."""
    own = record.constraint
    if own is constraint or own is None or constraint is None:
        return own is constraint
    if isinstance(own, Member) or isinstance(constraint, Member):
        both = isinstance(own, Member) and isinstance(constraint, Member)
        return both and repr(own.group.joint) == repr(constraint.group.joint)
    if isinstance(constraint, ConstraintSet):
        return record.resolved(own) == constraint
    # Of Keras or of the user's own: an object is what it holds, a function is itself.
    held = isinstance(own, keras.constraints.Constraint) and type(own) is type(constraint)
    return held and repr(vars(own)) == repr(vars(constraint))
