"""The inverse of a matrix that needs no pivots."""

from keras import ops

SMALL = 128


def inverse_by_halves(m):
    """Inverse of a square matrix whose symmetric part is positive definite.

    By the Schur complement of its first half, which has such a symmetric part too, so that nothing
    small is divided by: six products of half the size and two inverses, down to matrices of 128
    rows. As many operations as an elimination, but nearly all of them in products, which run at
    several times its speed.

    Args:
        m: Float tensor `(rows, rows)`.

    Source: N. Higham, "Accuracy and stability of numerical algorithms", 2002, chapters 10 and 14.
    """
    size = m.shape[0]
    if size <= SMALL:
        return ops.solve(m, ops.eye(size, dtype=m.dtype))
    half = size // 2
    right, below = m[:half, half:], m[half:, :half]
    first = inverse_by_halves(m[:half, :half])
    below = below @ first
    last = inverse_by_halves(m[half:, half:] - below @ right)
    right = first @ right
    below = last @ below
    return ops.concatenate([
        ops.concatenate([first + right @ below, -(right @ last)], axis=1),
        ops.concatenate([-below, last], axis=1),
    ])  # fmt: skip
