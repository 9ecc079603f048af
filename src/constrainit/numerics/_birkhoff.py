"""Euclidean projection onto matrices whose rows and columns have given sums."""

import ml_dtypes
import numpy as np
from keras import backend, ops

from ._limits import at_least, at_most
from ._simplex import project_simplex
from ._sums import axis_sum

ROUNDS, AT_ONCE = 150, 25
FIRST, FACTOR, LARGEST = 10.0, 4.0, 1e7


def project_birkhoff(w):
    """Nearest matrix to `w` that is non-negative and whose rows and columns sum to one.

    Semismooth Newton on the dual: the image is `max(w - u - v, 0)` for one number `u` for each row
    and one `v` for each column, found from the surplus of the sums. Each round solves one linear
    system for the columns and is shortened where it would overshoot; some ten rounds do for weights
    of the size of one. Widely spread weights are an assignment problem rather than a projection:
    what is not settled after 25 rounds starts again, shrunk, and is brought back to size by factors
    of four, each time from the last solution. The image is then nearest to about a 1e-7 share of
    the spread. What does not settle within 150 rounds is made feasible all the same.

    Args:
        w: Float tensor `(..., n, n)` without NaN or infinity.

    Source: X. Li, D. Sun, K.-C. Toh, "On the efficient computation of a generalized Jacobian of
    the projector over the Birkhoff polytope", 2017, https://arxiv.org/abs/1702.05934; for what is
    left of the surplus J. Altschuler, J. Weed, P. Rigollet, "Near-linear time approximation
    algorithms for optimal transport via Sinkhorn iteration", 2017.
    """
    return _project(w, 1.0, 1.0)


def project_transport(w, rows, columns):
    """Nearest matrix to `w` that is non-negative and whose rows and columns have given sums.

    As `project_birkhoff`, in units of the largest sum. What is not settled is judged by each sum's
    own size, so that a small one is held as well as a large one.

    Args:
        w: Float tensor `(..., n, m)` without NaN or infinity.
        rows: Array of `n` positive numbers.
        columns: Array of `m` positive numbers, of the same sum.
    """
    if len(columns) > len(rows):
        # The linear system has the size of the columns.
        image = project_transport(ops.swapaxes(w, -1, -2), columns, rows)
        return ops.swapaxes(image, -1, -2)
    unit = float(max(np.max(rows), np.max(columns)))
    rows, columns = (
        ops.convert_to_tensor(np.asarray(one)[at] / unit, dtype=w.dtype)
        for one, at in ((rows, np.s_[:, None]), (columns, np.s_[None, :]))
    )
    return _project(w / unit, rows, columns) * unit


def _project(w, rows, columns):
    exact = float(ml_dtypes.finfo(backend.standardize_dtype(w.dtype)).eps)
    stall = 4 + max(w.shape[-2:]) / 64
    w = _lowered(w)
    top = ops.max(w, axis=-1, keepdims=True)
    taken = ops.max(project_simplex(w, rows, (-1,)), axis=-1, keepdims=True)
    start = w - top + taken
    spread = at_least(-ops.min(start, axis=(-2, -1), keepdims=True), FIRST)
    largest = at_most(spread, LARGEST)

    def surplus(reduced):
        image = at_least(reduced, 0.0)
        row = ops.sum(image, axis=-1, keepdims=True) - rows
        # Of a thousand rows TensorFlow's own sum of columns is too rounded for the search to end.
        return row, axis_sum(image, (-2,)) - columns

    def worst_of(row, column):
        return _worst(row / rows, column / columns)

    def unsettled(turn, reduced, left, worst, settled):
        return ops.any(ops.logical_not(settled))

    def round_(turn, reduced, left, worst, settled):
        again = ops.logical_and(ops.equal(turn, AT_ONCE), ops.logical_not(settled))
        reduced = ops.where(again, start * (FIRST / spread), reduced)
        left = ops.where(again, largest / FIRST, left)
        grown = ops.logical_and(left > 1, ops.logical_or(worst < 0.3, again))
        growth = ops.where(grown, at_most(left, FACTOR), ops.ones_like(left))
        reduced, left = reduced * growth, left / growth
        row, column = surplus(reduced)
        move = _newton(reduced, row, column, at_most(worst_of(row, column), 1.0) * 1e-2 + 1e-6)
        moved = reduced - _length(surplus, reduced, *move) * (move[0] + move[1])
        moved = ops.where(settled, reduced, moved)
        size = worst_of(*surplus(moved))
        # Some roundings more, of longer sums, if there is no more to be had.
        still = ops.logical_and(size <= stall * exact, size >= worst)
        near = ops.logical_and(left <= 1, ops.logical_or(size <= 4 * exact, still))
        return turn + 1, moved, left, size, ops.logical_or(settled, near)

    worst = worst_of(*surplus(start))
    state = (ops.convert_to_tensor(0), start, ops.ones_like(spread), worst, worst <= 4 * exact)
    state = ops.while_loop(unsettled, round_, state, maximum_iterations=ROUNDS)
    image = at_least(state[1], 0.0)
    return ops.where(state[4], image, _filled(image, rows, columns))


def _lowered(w):
    """`w` without what its largest entries have beyond all that they need, sums being at most one.

    An entry that does not get all that its row and its column allow leaves some to one entry of
    its row and to one of its column; handing these over pays unless it is at most their sum, less
    the entry where their own column and row meet, plus two. What lies above that moves nothing,
    and the entries beside it would be lost in its rounding.
    """
    low = ops.min(w, axis=(-2, -1), keepdims=True)
    return at_most(w, _others(w, low, -1) + (_others(w, low, -2) - low) + 2.0)


def _others(w, low, axis):
    """The largest of the other entries along the axis."""
    top = ops.max(w, axis=axis, keepdims=True)
    is_top = ops.equal(w, top)
    second = ops.max(ops.where(is_top, low, w), axis=axis, keepdims=True)
    alone = ops.equal(ops.sum(ops.cast(is_top, "int32"), axis=axis, keepdims=True), 1)
    return ops.where(ops.logical_and(is_top, alone), second, top)


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
    # Rows may give what columns take: nothing but the shift would keep that from growing until its
    # rounding hides the step.
    level = ops.mean(by_column, axis=-1, keepdims=True) / reduced.shape[-1]
    matrix = even * by_column - turned @ (used / by_row) + level
    aim = ops.swapaxes(column, -1, -2) - turned @ (row / by_row)
    columns = ops.solve(matrix, aim)
    return (row - used @ columns) / by_row, ops.swapaxes(columns, -1, -2)


def _length(surplus, reduced, rows, columns):
    """The share of a step at which the dual is near its least value along it."""
    direction = rows + columns

    def slope(share):
        row, column = surplus(reduced - share * direction)
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


def _filled(image, rows, columns):
    """Rows and columns cut to their sums, and what they then lack spread over the matrix."""
    image = image / at_least(ops.sum(image, axis=-1, keepdims=True) / rows, 1.0)
    image = image / at_least(ops.sum(image, axis=-2, keepdims=True) / columns, 1.0)
    row = at_least(rows - ops.sum(image, axis=-1, keepdims=True), 0.0)
    column = at_least(columns - ops.sum(image, axis=-2, keepdims=True), 0.0)
    lack = ops.sum(row, axis=-2, keepdims=True)
    return image + row * (column / ops.where(lack > 0, lack, ops.ones_like(lack)))
