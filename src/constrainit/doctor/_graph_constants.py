"""Tensors that the graph of a functional model holds, computed from weights when it was built."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import GraphConstantEvidence
from constrainit.doctor._plain import holds_distinct, is_plain
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines import engine


def graph_constants(model: Any, weights: list[Any]) -> list[GraphConstantEvidence]:
    """The tensors in the graphs of a model that were computed from weights to train, each once.

    On PyTorch the tensor itself says so, of weights that the model does not hold, too. Elsewhere it
    has to be one of the model's weights, or its transpose, number for number.

    Args:
        model: The model.
        weights: The records of its weights.
    """
    known = [record for record in weights if record.variable.trainable]
    found = []
    for operation, value in _constants(model):
        way_back = getattr(value, "grad_fn", None) is not None
        made_of = {id(v) for v in engine().computed_from(value, [r.variable for r in known])}
        records = [r for r in known if id(r.variable) in made_of or _is_copy(value, r)]
        if way_back or records:
            found.append(GraphConstantEvidence(operation, tuple(value.shape), records, way_back))
    return found


def _constants(model) -> Iterator[tuple[str, Any]]:
    """The float tensors among the arguments of a model's operations, each once, and the name."""
    graphs = [one for one in model._flatten_layers() if isinstance(one, keras.Model)]
    depths = [nodes for one in graphs for nodes in getattr(one, "_nodes_by_depth", {}).values()]
    seen = set()
    for node in (node for nodes in depths for node in nodes):
        for value in keras.tree.flatten([node.arguments.args, node.arguments.kwargs]):
            if is_plain(value) and id(value) not in seen:
                seen.add(id(value))
                yield node.operation.name, value


def _is_copy(value, record):
    """Whether a tensor is a weight, or its transpose, of which no two numbers need be alike."""
    shape, own = tuple(value.shape), tuple(record.shape)
    if shape not in (own, own[::-1]) or not holds_distinct(value):
        return False
    held, mine = to_numpy(ops.stop_gradient(value)), to_numpy(record.variable)
    return any(np.array_equal(held, one) for one in (mine, mine.T) if one.shape == shape)
