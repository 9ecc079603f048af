"""Matrices that are constant along their diagonals, over the last two axes of a tensor.

The diagonals are numbered from the lower left corner: entry `(i, j)` of a matrix of `rows` rows is
on diagonal `j - i + rows - 1`, of `rows + columns - 1` in all.
"""

import numpy as np
from keras import ops


def from_diagonals(values, rows):
    """The matrix of `rows` rows whose diagonals hold `values`, given along the last axis."""
    lead, length = tuple(values.shape[:-1]), values.shape[-1]
    columns = length - rows + 1
    # What is made on the way has a row for each row: never one for each of 65,536 inputs.
    if rows > columns:
        return ops.swapaxes(from_diagonals(ops.flip(values, axis=-1), columns), -1, -2)
    repeated = ops.broadcast_to(ops.expand_dims(values, -2), (*lead, rows, length))
    flat = ops.reshape(repeated, (*lead, rows * length))
    flat = ops.concatenate([flat, ops.zeros_like(flat[..., :rows])], axis=-1)
    # Rows that are one longer start one later each: the diagonals become slanted columns.
    return ops.flip(ops.reshape(flat, (*lead, rows, length + 1))[..., :columns], axis=-2)


def toeplitz(w):
    """The values, by diagonal, of the nearest matrix to `w` with constant diagonals."""
    rows, columns = w.shape[-2:]
    first = ops.concatenate([ops.flip(w[..., 0], axis=-1), w[..., 0, 1:]], axis=-1)
    place = np.arange(rows + columns - 1)
    counts = np.minimum(np.minimum(place + 1, place[::-1] + 1), min(rows, columns))
    shares = ops.convert_to_tensor(1.0 / counts, dtype=w.dtype)
    shares = from_diagonals(shares, rows)
    return first + _sums(w * shares - from_diagonals(first, rows) * shares)


def circulant(w):
    """The first row of the nearest matrix to `w` whose rows are rotations of one another.

    Source: T. Chan, "An optimal circulant preconditioner for Toeplitz systems", 1988.
    """
    size = w.shape[-1]
    first = w[..., 0, :]
    sums = _sums(w / size - from_first_row(first) / size)
    wrapped = sums[..., : size - 1]
    wrapped = ops.concatenate([ops.zeros_like(first[..., :1]), wrapped], axis=-1)
    return first + (sums[..., size - 1 :] + wrapped)


def from_first_row(row):
    """The square matrix whose rows are `row`, each rotated by one more."""
    return from_diagonals(ops.concatenate([row[..., 1:], row], axis=-1), row.shape[-1])


def _sums(w):
    """The sum of each diagonal."""
    lead, (rows, columns) = tuple(w.shape[:-2]), w.shape[-2:]
    if rows > columns:
        return ops.flip(_sums(ops.swapaxes(w, -1, -2)), axis=-1)
    padded = ops.concatenate([ops.flip(w, axis=-2), _zeros(w, (*lead, rows, rows))], axis=-1)
    flat = ops.reshape(padded, (*lead, rows * (rows + columns)))[..., :-rows]
    return ops.sum(ops.reshape(flat, (*lead, rows, rows + columns - 1)), axis=-2)


def _zeros(w, shape):
    return ops.zeros(shape, dtype=w.dtype)
