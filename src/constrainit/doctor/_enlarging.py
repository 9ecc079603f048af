"""Which weight of a layer enlarges a signal."""

import math
from typing import Any

import numpy as np

from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy

_FEW = 2**20
"""So many numbers the singular values of matrices are soon found of."""


def enlarging_kernel(evidence: Any, layer: str) -> str:
    """The first weight of a layer that has several units, by path.

    Of a layer of the user's own the one that can make a signal the largest, if that is not costly.
    """
    own = [r for r in evidence.weights if r.layer.name == layer and len(r.shape) > 1]
    if len(own) > 1 and is_custom(own[0].layer) and sum(math.prod(r.shape) for r in own) <= _FEW:
        return max(own, key=_norm).path
    return own[0].path if own else ""


def _norm(record):
    """The largest singular value of a weight, finite or not."""
    value = to_numpy(record.variable).astype("float64")
    matrix = value.reshape(-1, value.shape[-1])
    return np.linalg.norm(matrix, 2) if np.isfinite(matrix).all() else np.inf
