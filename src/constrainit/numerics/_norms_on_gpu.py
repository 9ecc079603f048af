"""Norms on a GPU by PyTorch, without a question that the host would have to wait for."""

import math

import keras

from constrainit._precision import dtype_of


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
    not stay goes to equal entries. Each operation on the norms is a kernel, and the start of one
    is what they cost.

    Args:
        w: Tensor of PyTorch of less than 64 bits.
        axis: Tuple of the axes of one unit; empty only for a scalar.
        margins: The norms between which a unit is inside; None in place of the first for no bound.
        targets: The norms that a unit below or above goes to.
    """
    import torch

    (low, high), (below, above) = margins, targets
    norm = torch.linalg.vector_norm(w, dim=axis, keepdim=True, dtype=torch.float64)
    norm.nan_to_num_(nan=above, posinf=above)
    divisor = torch.threshold_(norm / above, high / above, 1.0)
    if low is None:
        return w.div_(divisor)
    w.div_(torch.where(norm < low, norm / below, divisor))
    return w.masked_fill_(norm == 0, below / math.sqrt(math.prod(w.shape[a] for a in axis)))
