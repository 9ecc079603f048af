"""Stochastic matrices: rows, columns, or both have given sums."""

import functools
import math
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import looping
from constrainit._precision import tolerance
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_matrices
from constrainit.initializers._draws import uniform
from constrainit.numerics import axis_sum, project_birkhoff, project_transport
from constrainit.sets._matrices import check_matrix, check_square
from constrainit.sets.sums import _Shares
from constrainit.transforms import Sinkhorn


class RowStochastic(_Shares):
    """Every row of the matrix is non-negative and sums to one.

    The set is `{W : W >= 0, sum over the last axis = 1}`: that of `Simplex(axis=-1)`, each row the
    probabilities of going from one state to the others. Exact.

    The initializer draws as that of `Simplex`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.RowStochastic().project([[0.5, 1.0], [3.0, 1.0]])))
    [[0.25 0.75]
     [1.   0.  ]]
    """

    total = 1.0
    axis = -1

    def _phrase(self):
        return "each row's weights non-negative and of sum 1"


class ColumnStochastic(_Shares):
    """Every column of the matrix is non-negative and sums to one.

    The set is `{W : W >= 0, sum over the last axis but one = 1}`: that of `Simplex(axis=-2)`, so
    that `W @ p` is a distribution for every distribution `p`. Exact.

    The initializer draws as that of `Simplex`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.ColumnStochastic().project([[0.5, 3.0], [1.0, 1.0]])))
    [[0.25 1.  ]
     [0.75 0.  ]]
    """

    total = 1.0
    axis = -2

    def check_shape(self, shape):
        check_matrix(self, shape, more=". For a vector use Simplex().")

    def _phrase(self):
        return "each column's weights non-negative and of sum 1"


class _Plans(ConstraintSet):
    """`{W : W >= 0, rows and columns of given sums}` over the last two axes."""

    maskable = False
    to_the_bit = True
    projects = "exact, far away to 1e-5"

    def _sums(self, shape) -> tuple[Any, Any, float, float]:
        """What rows and columns sum to, to broadcast, and their total, divided by a unit; it."""
        raise TypeError(f"`{type(self).__name__}` must define `_sums(shape)`.")

    def _units(self, rank):
        return (rank - 2, rank - 1)

    def _holds(self, w, image, dtype):
        # By no tolerance below zero, as for `Simplex`.
        positive = ops.all(ops.greater_equal(w, 0), axis=(-2, -1), keepdims=True)
        rows, columns, _, unit = self._sums(tuple(w.shape))
        row, column = ops.sum(w, axis=-1, keepdims=True), axis_sum(w, (-2,))
        held = ops.logical_and(_are(row, rows * unit, dtype), _are(column, columns * unit, dtype))
        # Newton's method moves a large member by more than its own rounding.
        near = ops.logical_or(held, super()._holds(w, image, dtype))
        return ops.logical_and(positive, near)

    def _transform(self):
        return Sinkhorn(self)

    def _fed(self, rank):
        return (rank - 2,)


class DoublyStochastic(_Plans):
    """The matrix is non-negative and all its rows and columns sum to one.

    The set is the Birkhoff polytope `{W : W >= 0, sums of rows and of columns = 1}` over the last
    two axes, the mixtures of permutations. The projection is Euclidean (Sinkhorn's scaling is
    another, which takes negative weights for nothing), by semismooth Newton on its dual: exact to
    rounding for weights of any sign that are not spread over more than some hundreds. Of weights
    further apart it is an assignment problem, and the result is nearest to a relative 1e-5 of the
    largest weight. Sums are held to rounding in any case.

    The initializer draws the mean of random permutations, as many as there are rows (a power of
    two, at most 256): rows and columns sum to one exactly, in bfloat16 too. From depth 4 on most
    of the weight is on one permutation.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.DoublyStochastic().project([[1.0, 0.5], [-1.0, 0.0]])).round(4))
    [[0.875 0.125]
     [0.125 0.875]]

    Source: X. Li, D. Sun, K.-C. Toh, "On the efficient computation of a generalized Jacobian of
    the projector over the Birkhoff polytope", 2017, https://arxiv.org/abs/1702.05934.
    """

    def check_shape(self, shape):
        check_square(self, shape)

    def _sums(self, shape):
        return 1.0, 1.0, float(shape[-1]), 1.0

    def _nearest(self, w, dtype, where=None):
        return looping(_project, dtype, tuple(w.shape))(w)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.mixed_permutations(fan_in, wanted)

    def _phrase(self):
        return "non-negative, rows and columns of sum 1"


class Transport(_Plans):
    """The matrix is non-negative, and its rows and columns have given sums.

    The set is the transport polytope `{W : W >= 0, sum of row i = rows[i], sum of column j =
    columns[j]}` over the last two axes: what each of several sources sends to each of several
    destinations. With ones it is that of `DoublyStochastic`, whose projection it shares: Euclidean,
    by semismooth Newton on its dual, exact to rounding for weights that are not spread over more
    than some hundreds of the largest sum, and else nearest to a relative 1e-5 of the largest
    weight. Sums are held to the rounding of the largest of them, and each to its own where they
    differ by a factor of some hundreds at most; one that is a ten-thousandth of the largest may be
    off by 3e-4 of itself, one that is a millionth by some percent.

    The initializer draws every weight from the exponential law of mean `rows[i] * columns[j]`
    divided by the total, what independent choices of a row and a column give, and projects.

    Args:
        rows: What each row sums to: a list of as many positive numbers as the matrix has rows.
        columns: What each column sums to; as a whole the same as the rows.

    Raises:
        ValueError: A number is not positive and finite, or rows and columns have another total, by
            more than a millionth; at use, the matrix has another number of rows or columns.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> plan = ci.Transport(rows=[1.0, 2.0], columns=[0.5, 0.5, 2.0])
    >>> print(np.asarray(plan.project([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])).round(4))
    [[0.5   0.375 0.125]
     [0.    0.125 1.875]]

    Source: as for `DoublyStochastic`.
    """

    def __init__(self, rows: Any, columns: Any):
        self.rows = _positive("rows", rows)
        self.columns = _positive("columns", columns)
        total, other = math.fsum(self.rows), math.fsum(self.columns)
        if abs(other - total) > 1e-6 * total:
            raise _checks.fail(
                "Transport", "columns", f"have the sum of `rows`, {total:.9g}", columns,
                f"Their sum is {other:.9g}.",
            )  # fmt: skip

    def check_shape(self, shape):
        size = len(self.rows), len(self.columns)
        if tuple(shape[-2:]) != size:
            raise ValueError(
                f"`Transport` of {size[0]} rows and {size[1]} columns needs a weight whose last "
                f"two axes have these sizes. Received: shape={tuple(shape)}."
            )

    @functools.cached_property
    def _exact(self):
        """The sums as arrays, of rows and of columns in total the same."""
        rows, columns = np.asarray(self.rows), np.asarray(self.columns)
        return rows, columns * (math.fsum(rows) / math.fsum(columns))

    def _sums(self, shape):
        rows, columns = self._exact
        unit = float(max(rows.max(), columns.max()))
        return rows[:, None] / unit, columns[None, :] / unit, float(rows.sum() / unit), unit

    def _nearest(self, w, dtype, where=None):
        return looping(_project_sums, self, dtype, tuple(w.shape))(w)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        rows, columns, total, unit = self._sums(shape)
        w = -ops.log1p(-uniform(shape, dtype, seed))
        return w * ops.convert_to_tensor(rows * columns * (unit / total), dtype=w.dtype)

    def _phrase(self):
        return (
            f"non-negative, the {len(self.rows)} rows and {len(self.columns)} columns of given sums"
        )


def _are(sums, wanted, dtype):
    """Whether all sums of a matrix are the wanted ones, to the rounding of what is summed."""
    wanted = ops.convert_to_tensor(wanted, dtype=sums.dtype)
    near = ops.abs(sums - wanted) <= tolerance(dtype) * wanted
    return ops.all(near, axis=(-2, -1), keepdims=True)


def _positive(name, value):
    numbers = _checks.numbers_of("Transport", name, value)
    if min(numbers) <= 0:
        raise _checks.fail("Transport", name, "hold positive numbers", value)
    return numbers


def _project(dtype, shape, w):
    return project_birkhoff(w)


def _project_sums(plans, dtype, shape, w):
    return project_transport(w, *plans._exact)
