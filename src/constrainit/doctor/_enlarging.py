"""Which weight of a layer enlarges a signal."""

import math
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy

_FAR = 1e4
_FEW = 2**20
"""So many numbers the singular values of matrices are soon found of."""


def enlarging_kernel(evidence: Any, layer: str) -> str:
    """The first weight of a layer that has several units, by path; else the only one that it has.

    Of a layer of the user's own the one that can make a signal the largest, if that is not costly.
    """
    own = [r for r in evidence.weights if r.layer.name == layer and len(r.shape) > 1]
    if len(own) > 1 and is_custom(own[0].layer) and sum(math.prod(r.shape) for r in own) <= _FEW:
        return max(own, key=_norm).path
    only = enlarging_number(evidence, layer)
    return own[0].path if own else only.path if only else ""


def enlarging_number(evidence: Any, layer: str) -> Any:
    """The only weight of a layer of the user's own, where that is a number or a vector."""
    own = [r for r in evidence.weights if r.layer.name == layer and r.variable.trainable]
    return own[0] if len(own) == 1 and len(own[0].shape) < 2 and is_custom(own[0].layer) else None


def feeds_back_without_bound(cell: Any) -> bool:
    """Whether a cell of Keras' recurrences has an activation without an upper end."""
    activation = getattr(cell, "activation", None)
    if not hasattr(cell, "recurrent_kernel") or not callable(activation):
        return False
    try:
        value: Any = activation(ops.convert_to_tensor(np.full((1, 1), _FAR, "float32")))
        return float(ops.convert_to_numpy(value)[0, 0]) > math.sqrt(_FAR)
    # An activation of the user's own may want another shape.
    except Exception:
        return False


def _norm(record):
    """The largest singular value of a weight, finite or not."""
    value = to_numpy(record.variable).astype("float64")
    matrix = value.reshape(-1, value.shape[-1])
    return np.linalg.norm(matrix, 2) if np.isfinite(matrix).all() else np.inf
