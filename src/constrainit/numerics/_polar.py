"""The nearest matrix with orthonormal columns (or rows)."""

from keras import ops

POLISHING_STEPS = 2


def polar_factor(w):
    """Nearest matrix to `w` with orthonormal columns, or rows where it is wide.

    The factor `U V'` of the singular value decomposition, then two Newton-Schulz steps, which
    bring the orthogonality of any backend's decomposition down to the rounding of the dtype.
    A rank deficient matrix has several nearest points; the decomposition picks one, and the zero
    matrix goes to the identity.

    Args:
        w: Float tensor `(rows, columns)` without NaN or infinity.

    Source: N. Higham, "Computing the polar decomposition", 1986.
    """
    if w.shape[0] < w.shape[1]:
        return ops.transpose(polar_factor(ops.transpose(w)))
    peak = ops.max(ops.abs(w))
    scaled = w / ops.where(peak > 0, peak, ops.ones_like(peak))
    # Multiplied by `@`: `ops.matmul` takes float64 down to float32 on PyTorch (Keras 3.15.1).
    u, _, v = ops.svd(scaled, full_matrices=False)
    q = u @ v
    for _ in range(POLISHING_STEPS):
        q = 1.5 * q - 0.5 * (q @ (ops.transpose(q) @ q))
    return q
