"""Tensors that a layer keeps and computes with as if they were weights."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._precision import dtype_of
from constrainit.doctor._evidence import PlainEvidence
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy

_FEW = 3

_DISTINCT = 0.5
"""Masks, unit matrices and ranges have fewer different entries, or no two dimensions."""

_BIASES = ("bias", "beta")


def plain_tensors(problem: Any) -> list[PlainEvidence]:
    """The float tensors of the user's own layers that are no weights, where outputs use them."""
    candidates = [
        (layer, *kept) for layer in custom_layers(problem.model)
        if not any(_is_wide(v) for v in layer.trainable_variables) for kept in _kept(layer)
    ]  # fmt: skip
    if not candidates or not problem.is_small:
        return []
    others = [v for v in problem.trainable if not _is_bias(v)]
    found = []
    # What the user's model raises here it has raised before.
    with contextlib.suppress(Exception):
        before = outputs_of(problem)
        # Outputs that are drawn are others each time.
        if differ(before, outputs_of(problem)):
            return []
        for layer, name, tensor in candidates:
            with attribute(layer, name, tensor * 0.5):
                after = outputs_of(problem)
            if differ(before, after):
                shape = tuple(tensor.shape)
                meant = _is_meant(layer, tensor)
                found.append(PlainEvidence(layer, name, shape, tensor, not others, meant))
    return found


def custom_layers(model: keras.Model) -> Iterator[Any]:
    """The layers of the user's own, each once."""
    return (layer for layer in {id(o): o for o in model._flatten_layers()}.values()
            if is_custom(layer))  # fmt: skip


def _kept(layer):
    """The attributes of a layer that are tensors whose entries differ, with their names."""
    for name, value in list(vars(layer).items()):
        if is_plain(value) and holds_distinct(value):
            yield name, value


def holds_distinct(tensor: Any) -> bool:
    """Whether a tensor is a table of more than a few numbers, most of them different."""
    if not _is_wide(tensor):
        return False
    # A tensor of a graph has no entries outside of it.
    with contextlib.suppress(Exception):
        entries = to_numpy(ops.stop_gradient(tensor))
        return len(np.unique(entries)) > _DISTINCT * entries.size
    return False


def is_plain(value: Any) -> bool:
    """Whether a value is a tensor of floats, and no variable."""
    is_one = ops.is_tensor(value) and not isinstance(value, (keras.Variable, keras.KerasTensor))
    return is_one and "float" in dtype_of(value)


def _is_wide(value):
    """Whether a tensor has two dimensions or more, and more than a few entries."""
    return len(value.shape) > 1 and math.prod(value.shape) > _FEW


def _is_bias(variable):
    return len(variable.shape) < 2 and any(word in variable.name for word in _BIASES)


def _is_meant(layer, tensor):
    """Whether a tensor was made to be trained, or a constraint of the layer to act on it."""
    attached = {id(v.constraint) for v in layer.trainable_variables}
    free = any(
        isinstance(value, keras.constraints.Constraint) and id(value) not in attached
        for value in vars(layer).values()
    )
    return free or bool(getattr(tensor, "requires_grad", False))


def outputs_of(problem: Any) -> list[np.ndarray]:
    """What the model gives for the batch, as it predicts."""
    given = problem.model(problem.x, training=False)
    return [to_numpy(ops.stop_gradient(one)) for one in keras.tree.flatten(given)]


def differ(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    """Whether any of the outputs is another one."""
    return any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
