"""Norms on a GPU by PyTorch, without a question that the host would have to wait for."""

import math

import keras

from constrainit._precision import dtype_of

from ._limits import factor_into

# Below every norm of a float32 that is not zero, and far above what float64 can not divide by.
_LEAST = 1e-60


def in_double(w) -> bool:
    """Whether norms of `w` are best taken in float64: no square of a float32 is beyond it.

    A CPU would take ten times as long as for the squares themselves, a GPU waits for memory anyway.
    """
    if keras.backend.backend() != "torch":
        return False
    return w.device.type == "cuda" and dtype_of(w) != "float64"


def scale_in_double(w, axis, margins, targets):
    """Takes the norm of each unit of `w` between two bounds, in place, and gives `w`.

    A unit inside, or one that holds a NaN or an infinity, stays to the bit. A zero vector that may
    not stay goes to equal entries.

    Args:
        w: Tensor of PyTorch of less than 64 bits.
        axis: Tuple of the axes of one unit; empty only for a scalar.
        margins: The norms between which a unit is inside; None in place of the first for no bound.
        targets: The norms that a unit below or above goes to.
    """
    import torch

    norm = torch.linalg.vector_norm(w, dim=axis, keepdim=True, dtype=torch.float64)
    factor = factor_into(norm.clamp(min=_LEAST), *margins, *targets)
    w.mul_(torch.where(norm < math.inf, factor, 1.0))
    if margins[0] is None:
        return w
    even = targets[0] / math.sqrt(math.prod(w.shape[a] for a in axis))
    # Not 0.0, which would make one of each -0.0.
    return w.add_(torch.where(norm == 0, even, -0.0))
