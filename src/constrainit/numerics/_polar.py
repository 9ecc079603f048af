"""The nearest matrix with orthonormal columns (or rows), and the nearest rotation."""

import numpy as np
from keras import backend, ops

from ._limits import at_least, at_most

POLISHING_STEPS = 2
NEAR = 2.0
STEPS = 5


def polar_factor(w, rotation=False):
    """Nearest matrix to `w` with orthonormal columns, or rows where it is wide.

    Where `||W'W - I||_F < 2`, as one optimizer step off the set, Newton-Schulz steps, which are
    products of matrices only: no singular value is then beyond `sqrt(3)`, from where they would
    lead elsewhere. The last of them is taken when the gap is below the root of the rounding of the
    dtype: it then ends at that rounding, as the gap is squared at each step. Elsewhere, and where
    five steps do not get there, the factor `U V'` of the singular value decomposition and two such
    steps, which bring the orthogonality of any backend's decomposition down to the rounding. The
    decomposition runs only where it is needed.

    A rank deficient matrix has several nearest points; the decomposition picks one, and the zero
    matrix goes to the identity.

    Args:
        w: Float tensor `(rows, columns)` without NaN or infinity.
        rotation: Whether the result, then square, must have determinant one. Where it would have
            minus one the direction of the smallest singular value is turned round.

    Source: N. Higham, "Computing the polar decomposition", 1986; J. Gower, G. Dijksterhuis,
    "Procrustes problems", 2004.
    """
    if w.shape[0] < w.shape[1]:
        return ops.transpose(polar_factor(ops.transpose(w)))
    goal = float(np.finfo(backend.standardize_dtype(w.dtype)).eps) ** 0.5
    # An entry of two means a gap of three: nothing that is near is cut, nothing overflows.
    start = at_least(at_most(w, 2.0), -2.0)

    def apart(q, gap, size):
        return ops.logical_and(size > goal, size < NEAR)

    def step(q, gap, size):
        return _with_gap(q - 0.5 * (q @ gap))

    q, gap, size = ops.while_loop(apart, step, _with_gap(start), maximum_iterations=STEPS)
    near = size <= goal
    if rotation:
        no = ops.convert_to_tensor(False)
        near = ops.cond(near, lambda: is_rotation(q), lambda: no)
    return ops.cond(near, lambda: q - 0.5 * (q @ gap), lambda: _by_decomposition(w, rotation))


def polished(q):
    """One Newton-Schulz step: nearly orthonormal columns, in the last two axes, made so."""
    return q - 0.5 * (q @ _with_gap(q)[1])


def is_rotation(q):
    """Whether an orthogonal matrix has determinant one.

    The eigenvalues of `(Q + Q') / 2` are cosines in pairs, and single ones at -1 and 1. In order,
    their alternating sum is 0 if no single one is at -1, and else 2. A determinant by elimination
    would be faster, but TensorFlow can not compile one.
    """
    cosines = ops.eigh(0.5 * (q + ops.transpose(q)))[0]
    size = q.shape[0]
    signs = ops.convert_to_tensor((-1.0) ** np.arange(1, size + 1), dtype=q.dtype)
    return ops.sum(cosines * signs) + size % 2 < 1.0


def _with_gap(q):
    """`q`, its `Q'Q - I`, and the Frobenius norm of that."""
    gram = ops.swapaxes(q, -1, -2) @ q
    gap = gram - ops.eye(q.shape[-1], dtype=q.dtype)
    return q, gap, ops.sqrt(ops.sum(ops.square(gap)))


def _by_decomposition(w, rotation):
    peak = ops.max(ops.abs(w))
    scaled = w / ops.where(peak > 0, peak, ops.ones_like(peak))
    # Multiplied by `@`: `ops.matmul` takes float64 down to float32 on PyTorch (Keras 3.15.1).
    u, _, v = ops.svd(scaled, full_matrices=False)
    if rotation:
        last = ops.arange(w.shape[0]) == w.shape[0] - 1
        turned = ops.logical_and(last, ops.logical_not(is_rotation(u @ v)))
        u = ops.where(turned, -u, u)
    q = u @ v
    for _ in range(POLISHING_STEPS):
        q = polished(q)
    return q
