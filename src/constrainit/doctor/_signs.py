"""What can not be negative by the way it is computed: products of factors that can not."""

from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._statistics import to_numpy

_KEEPING = (
    keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute, keras.layers.Dropout,
    keras.layers.RepeatVector, keras.layers.GlobalAveragePooling1D, keras.layers.Concatenate,
    keras.layers.Add, keras.layers.Average, keras.layers.Maximum, keras.layers.Multiply,
    keras.layers.Dot,
)  # fmt: skip
"""Layers that give nothing negative if they are given nothing negative."""

_POSITIVE = ("relu", "sigmoid", "softplus", "softmax", "exponential", "relu6", "hard_sigmoid")


def is_nonnegative(tensor: Any, evidence: Evidence) -> bool:
    """Whether no weights that the constraints allow make an entry of a symbolic tensor negative."""
    layer = getattr(getattr(tensor, "_keras_history", None), "operation", None)
    if layer is None:
        return False
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation in _POSITIVE:
        return True
    nodes = getattr(layer, "_inbound_nodes", ())
    given = nodes[0].arguments.keras_tensors if len(nodes) == 1 else ()
    if isinstance(layer, _KEEPING):
        return bool(given) and all(is_nonnegative(one, evidence) for one in given)
    if not isinstance(layer, (keras.layers.Embedding, keras.layers.Dense)):
        return False
    made = {id(one.record.variable): one for one in evidence.constraints}
    bounded = all(
        id(v) in made and keeps_nonnegative(made[id(v)]) for v in layer.trainable_variables
    )
    if isinstance(layer, keras.layers.Embedding):
        return bounded and bool(layer.trainable_variables)
    own = bounded and bool(layer.trainable_variables) and activation == "linear"
    return own and bool(given) and all(is_nonnegative(one, evidence) for one in given)


def ends_nonnegative(layer: Any, evidence: Evidence) -> bool:
    """Whether the last layer, or what its activation is given, is a product that is not negative.

    Of a last layer with weights of its own, that is asked of these and what enters it.
    """
    nodes = getattr(layer, "_inbound_nodes", ())
    given = nodes[0].arguments.keras_tensors if len(nodes) == 1 else ()
    if isinstance(layer, (keras.layers.Activation, keras.layers.ReLU)):
        return len(given) == 1 and is_nonnegative(given[0], evidence)
    product = isinstance(layer, (keras.layers.Dot, keras.layers.Multiply))
    return product and bool(given) and all(is_nonnegative(one, evidence) for one in given)


def nonnegative_kernels(problem: Any, evidence: Evidence) -> list[Any]:
    """The trained kernels of a model of one array of numbers, if no entry may be negative.

    None where one of them may, and where there is more than one array of inputs or of targets.
    """
    x, y = problem.x, problem.y
    if keras.tree.is_nested(x) or keras.tree.is_nested(y) or len(x.shape) != 2:
        return []
    if "float" not in keras.backend.standardize_dtype(x.dtype):
        return []
    made = {id(one.record.variable): one for one in evidence.constraints}
    kernels = [r for r in evidence.weights if r.variable.trainable and len(r.shape) > 1]
    known = [made.get(id(record.variable)) for record in kernels]
    return kernels if all(one is not None and keeps_nonnegative(one) for one in known) else []


def keeps_nonnegative(made: Any) -> bool:
    """Whether the constraint of a weight lets no entry below zero."""
    if made.image is None or made.image.minimum < 0:
        return False
    value = -np.abs(to_numpy(made.record.variable)) - 1.0
    try:
        image = to_numpy(made.record.constraint(ops.cast(value, made.record.dtype)))
    # A constraint of the user's own may want a Variable, or raise.
    except Exception:
        return False
    return bool(np.isfinite(image).all() and image.min() >= 0)
