"""Cayley transforms in the user's own code of matrices that are not skew-symmetric."""

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras.src import backend

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Values, put
from constrainit.doctor._own_calls import instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import runs_own_code
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy

_SAME, _APART = 1e-4, 1e-2
_LARGE = 1e4
_GROWS = 1.05
"""What the transform of a matrix enlarges by more has no part in what keeps its size."""


@dataclass(frozen=True)
class NotSkew:
    """A matrix `(I + A)^-1 (I - A)` of an `A` that is not skew-symmetric, where the signal is lost.

    Attributes:
        layer: The layer that computes it.
        source: The user's own line, where one is known.
        is_symmetric: Whether `A` is symmetric.
        apart: The largest entry of `A + A^T`, of the largest of `A`.
        most: The largest singular value of what the transform gives.
    """

    layer: Any
    source: Source | None
    is_symmetric: bool
    apart: float
    most: float


def not_skew(problem: Problem, evidence: Evidence, start: Values) -> NotSkew | None:
    """The first Cayley transform that is not orthogonal, where outputs overflow or are very large.

    A transform of a symmetric matrix may be meant, as a step of a diffusion: then nothing grows.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step; empty in large models.
    """
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    lost = any(o.nonfinite or not o.peak < _LARGE for o in evidence.outputs)
    if not own or not lost or not start:
        return None
    found: list[NotSkew] = []
    inverses: list[tuple[Any, Any]] = []

    def seen(layer, one, other, result):
        # In a loop or a function that a backend traces there are no numbers.
        with contextlib.suppress(Exception):
            line = running_line(above=(__file__, "not_skew"))
            found.extend(_judged(layer, line, *map(to_numpy, (one, other, result))))

    def solved(layer, given, a, b):
        result = given(a, b)
        seen(layer, a, b, result)
        return result

    def inverted(layer, given, x):
        result = given(x)
        inverses.append((result, x))
        return result

    def multiplied(layer, given, x, y):
        result = given(x, y)
        for inverse, of in inverses:
            if inverse is x or inverse is y:
                seen(layer, of, y if inverse is x else x, result)
        return result

    linalg, numpy = backend.linalg, backend.numpy
    with contextlib.ExitStack() as stack:
        stack.enter_context(borrowed(problem.model))
        put(start)
        for module, name, function in (
            (linalg, "solve", solved), (linalg, "inv", inverted), (numpy, "matmul", multiplied),
        ):  # fmt: skip
            stack.enter_context(instead(module, name, own, function))
        problem.model(problem.x, training=False)
    return next(iter(found), None)


def _judged(layer, source, one, other, result):
    """The transform, where two operands add up to twice the identity and it is not orthogonal."""
    if one.ndim != 2 or one.shape != other.shape or one.shape[0] != one.shape[1]:
        return
    one, other = one.astype("float64"), other.astype("float64")
    eye = np.eye(len(one))
    matrix = one - eye
    size = float(np.abs(matrix).max())
    if not 0 < size < math.inf or np.abs(one + other - 2 * eye).max() > _SAME * max(size, 1.0):
        return
    apart = float(np.abs(matrix + matrix.T).max()) / size
    most = float(np.linalg.norm(result.astype("float64"), 2))
    if apart > _APART and most > _GROWS:
        symmetric = bool(np.abs(matrix - matrix.T).max() < _SAME * size)
        yield NotSkew(layer, source, symmetric, apart, most)
