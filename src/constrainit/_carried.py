"""What a copy of a model is given besides the values of its weights."""

import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np

from constrainit._joint import Group, Member
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
    """Gives weights of a copy the constraints that no config holds.

    Args:
        copy: The copy, a built model.
        pairs: Weights of a model and those of the copy that take their place.
    """
    groups: dict[int, Group] = {}
    records = {id(record.variable): record for record in walk(copy)}
    for variable, target in pairs:
        constraint = getattr(variable, "constraint", None)
        record = records.get(id(target))
        if constraint is None or record is None or target.constraint is not None:
            continue
        if not isinstance(constraint, Member):
            target.constraint = constraint
            continue
        group = groups.setdefault(id(constraint.group), Group(constraint.group.joint))
        member = group.member(record.layer, target.name, record.shape, record.path)
        group.bind(member, target)
        target.constraint = member
