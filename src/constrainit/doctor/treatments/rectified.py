"""A remedy for layers at the end of a model that give exactly zero, where the loss has no value."""

from typing import Any

import keras
import numpy as np

from constrainit.doctor._losses_at import loss_anew
from constrainit.doctor.treatments._layers import changed_layers
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layers_code

_AT_ZERO = ("log of 0", "division by 0", "0/0", "reciprocal square root of 0", "divisor of 0")


def softplus_for_divisors(problem, evidence, found):
    """A softplus for each ReLU at the end whose zeros are nearly all of the loss."""
    names = evidence.zero_outputs.layers
    changed = changed_layers(
        problem, lambda layer: layer.name in names, activation=keras.activations.softplus
    )
    if not changed:
        return None
    return Changed(
        f"{changed} with a softplus, which is never zero",
        with_other(problem),
        layers_code(problem.model, names, 'keras.layers.Dense(..., activation="softplus")'),
    )


def softplus_for_zeros(problem, evidence, found):
    """A softplus for each ReLU at the end, for a loss that divides by zeros or takes their log."""
    operation = evidence.operation
    if operation is None or operation.stage not in ("loss", "gradients") or operation.layer:
        return None
    if not any(operation.limit.endswith(limit) for limit in _AT_ZERO):
        return None
    ends = rectified_ends(problem.model)
    changed = changed_layers(
        problem,
        lambda layer: any(layer is one for one in ends),
        activation=keras.activations.softplus,
    )
    if not changed or not np.isfinite(loss_anew(problem)):
        return None
    names = " and ".join(repr(one.name) for one in ends)
    return Changed(
        f"{changed} with a softplus in place of its relu, which gives zeros",
        with_other(problem),
        layers_code(
            problem.model,
            [one.name for one in ends],
            f'keras.layers.Dense(..., activation="softplus")  # {names}',
        ),
    )


def rectified_ends(model: Any) -> list[Any]:
    """The layers with a ReLU whose outputs the model gives, put together or reshaped at most."""
    found, known = [], set()
    todo = list(keras.tree.flatten(getattr(model, "outputs", None) or []))
    while todo:
        tensor = todo.pop()
        layer = tensor._keras_history.operation
        if id(layer) in known:
            continue
        known.add(id(layer))
        if getattr(layer, "activation", None) is keras.activations.relu:
            found.append(layer)
        elif not getattr(layer, "variables", ()):
            node = next(iter(layer._inbound_nodes), None)
            todo += [] if node is None else node.input_tensors
    return found
