"""Matrices whose singular values or eigenvalues are changed and whose directions are kept."""

from keras import ops

from ._mirror import symmetric_part
from ._norms import safe_norm
from ._polar import orthonormal, polished


def with_singular_values(w, function):
    """`U f(s) V'` for `W = U s V'`.

    Args:
        w: Float tensor `(rows, columns)` without NaN or infinity.
        function: Gives the new singular values from the vector of the old ones, largest first.
    """
    return replaced(w, *singular(w), function)


def singular(w):
    """`U`, `s` and `V` of `W = U s V'`, thin, the vectors orthonormal to rounding."""
    peak = _peak(w)
    u, values, v = ops.svd(w / peak, full_matrices=False)
    return orthonormal(u), values * peak[0], orthonormal(ops.transpose(v))


def with_eigenvalues(w, function):
    """`V f(x) V'` for a symmetric `W = V x V'`, in the last two axes; symmetric to the bit.

    Args:
        w: Float tensor of symmetric matrices without NaN or infinity.
        function: Gives the new eigenvalues from the old ones, in the last axis, smallest first.
    """
    values, v = eigen(w)
    image = replaced(w, v, values, v, function)
    return symmetric_part(image)


def eigen(w):
    """Eigenvalues and eigenvectors of symmetric matrices, the vectors orthonormal to rounding."""
    peak = _peak(w)
    values, v = ops.eigh(w / peak)
    return values * peak[..., 0], polished(v)


def replaced(w, u, values, v, function):
    """`U f(s) V'`, as a small change to `W = U s V'` itself where it keeps its last bits."""
    new = function(values)
    small = safe_norm(new - values, (-1,)) <= safe_norm(new, (-1,))
    base = ops.where(small[..., None], w, ops.zeros_like(w))
    change = ops.where(small, new - values, new)
    return base + (u * change[..., None, :]) @ ops.swapaxes(v, -1, -2)


def _peak(w):
    peak = ops.max(ops.abs(w), axis=(-2, -1), keepdims=True)
    return ops.where(peak > 0, peak, ops.ones_like(peak))
