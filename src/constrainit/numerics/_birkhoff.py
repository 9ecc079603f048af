"""Euclidean projection onto the doubly stochastic matrices."""

import ml_dtypes
from keras import backend, ops

from ._limits import at_least, at_most
from ._simplex import project_simplex

ROUNDS = 150
FIRST, FACTOR, LARGEST = 10.0, 4.0, 1e7


def project_birkhoff(w):
    """Nearest matrix to `w` that is non-negative and whose rows and columns sum to one.

    Semismooth Newton on the dual: the image is `max(w - u - v, 0)` for one number `u` for each row
    and one `v` for each column, found from the surplus of the sums. Each step solves one linear
    system for the columns and is shortened where it would overshoot. Weights spread over more than
    10 are an assignment problem rather than a projection; they are first shrunk, and brought back
    to size by factors of four, each time from the last solution. Rounding grows with the spread:
    the image is nearest to a 1e-7 share of it for each row.

    Args:
        w: Float tensor `(..., n, n)` without NaN or infinity.

    Source: X. Li, D. Sun, K.-C. Toh, "On the efficient computation of a generalized Jacobian of
    the projector over the Birkhoff polytope", 2017, https://arxiv.org/abs/1702.05934; for what is
    left of the surplus J. Altschuler, J. Weed, P. Rigollet, "Near-linear time approximation
    algorithms for optimal transport via Sinkhorn iteration", 2017.
    """
    exact = float(ml_dtypes.finfo(backend.standardize_dtype(w.dtype)).eps)
    top = ops.max(w, axis=(-2, -1), keepdims=True)
    # Halves: the difference of the largest numbers would overflow.
    spread = at_least(top / 2 - ops.min(w, axis=(-2, -1), keepdims=True) / 2, 1e-30)
    left = at_least(at_most(spread, LARGEST) / FIRST, 1.0)
    scale = at_most(at_most(spread, LARGEST) / spread, 1.0) / left
    lowered = w * scale - top * scale
    rows = ops.max(lowered, axis=-1, keepdims=True)
    image = project_simplex(lowered, 1.0, (-1,))
    start = lowered - _threshold(lowered, image, rows)

    def unsettled(reduced, left, worst, settled):
        return ops.any(ops.logical_not(settled))

    def step(reduced, left, worst, settled):
        grown = ops.logical_and(left > 1, worst < 0.3)
        growth = ops.where(grown, at_most(left, FACTOR), ops.ones_like(left))
        reduced, left = reduced * growth, left / growth
        row, column = _surplus(reduced)
        size = _worst(row, column)
        move = _newton(reduced, row, column, at_most(size, 1.0) * 1e-2 + 1e-6)
        moved = reduced - _length(reduced, *move) * (move[0] + move[1])
        moved = ops.where(settled, reduced, moved)
        size = _worst(*_surplus(moved))
        near = ops.logical_or(
            size <= 4 * exact, ops.logical_and(size <= 32 * exact, size >= worst)
        )  # fmt: skip
        return moved, left, size, ops.logical_or(settled, ops.logical_and(left <= 1, near))

    worst = _worst(*_surplus(start))
    settled = ops.logical_and(worst <= 4 * exact, left <= 1)
    reduced, _, worst, settled = ops.while_loop(
        unsettled, step, (start, left, worst, settled), maximum_iterations=ROUNDS
    )
    image = at_least(reduced, 0.0)
    return ops.where(settled, image, _filled(image))


def _threshold(w, image, top):
    """What the projection of each row onto the simplex took off it, seen at its largest entry."""
    return top - ops.max(image, axis=-1, keepdims=True)


def _surplus(reduced):
    image = at_least(reduced, 0.0)
    row = ops.sum(image, axis=-1, keepdims=True) - 1.0
    return row, ops.sum(image, axis=-2, keepdims=True) - 1.0


def _worst(row, column):
    row = ops.max(ops.abs(row), axis=(-2, -1), keepdims=True)
    column = ops.max(ops.abs(column), axis=(-2, -1), keepdims=True)
    return at_least(row - column, 0.0) + column


def _newton(reduced, row, column, shift):
    """The step for rows and columns: the Hessian, made definite by `shift`, rows eliminated."""
    used = ops.cast(reduced > 0, reduced.dtype)
    turned = ops.swapaxes(used, -1, -2)
    by_row = ops.sum(used, axis=-1, keepdims=True) + shift
    by_column = ops.sum(used, axis=-2, keepdims=True) + shift
    even = ops.eye(reduced.shape[-1], dtype=reduced.dtype)
    matrix = even * by_column - turned @ (used / by_row)
    aim = ops.swapaxes(column, -1, -2) - turned @ (row / by_row)
    columns = ops.solve(matrix, aim)
    return (row - used @ columns) / by_row, ops.swapaxes(columns, -1, -2)


def _length(reduced, rows, columns):
    """The share of a step at which the dual is near its least value along it."""
    direction = rows + columns

    def slope(share):
        row, column = _surplus(reduced - share * direction)
        along = ops.sum(rows * row, axis=-2, keepdims=True)
        return -along - ops.sum(columns * column, axis=-1, keepdims=True)

    start = ops.abs(slope(0.0))
    low = ops.zeros_like(start)
    high = ops.ones_like(start)

    def open_(low, high, share, found):
        return ops.any(ops.logical_not(found))

    def halve(low, high, share, found):
        share = ops.where(found, share, (low + high) / 2)
        rise = slope(share)
        low = ops.where(rise > 0, low, share)
        high = ops.where(rise > 0, share, high)
        return low, high, share, ops.logical_or(found, ops.abs(rise) <= 0.3 * start)

    found = slope(high) <= 0.1 * start
    return ops.while_loop(open_, halve, (low, high, high, found), maximum_iterations=12)[2]


def _filled(image):
    """Rows and columns cut to one, and what they then lack spread over the matrix."""
    image = image / at_least(ops.sum(image, axis=-1, keepdims=True), 1.0)
    image = image / at_least(ops.sum(image, axis=-2, keepdims=True), 1.0)
    row = at_least(1.0 - ops.sum(image, axis=-1, keepdims=True), 0.0)
    column = at_least(1.0 - ops.sum(image, axis=-2, keepdims=True), 0.0)
    lack = ops.sum(row, axis=-2, keepdims=True)
    return image + row * (column / ops.where(lack > 0, lack, ops.ones_like(lack)))
