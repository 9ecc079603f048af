"""Stochastic matrices: rows, columns, or both sum to one."""

from keras import ops

from constrainit._compile import looping
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_matrices
from constrainit.numerics import project_birkhoff
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


class DoublyStochastic(ConstraintSet):
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

    maskable = False
    to_the_bit = True
    projects = "exact, far away to 1e-5"

    def check_shape(self, shape):
        check_square(self, shape)

    def _units(self, rank):
        return (rank - 2, rank - 1)

    def _nearest(self, w, dtype, where=None):
        return looping(_project, dtype, tuple(w.shape))(w)

    def _holds(self, w, image, dtype):
        # By no tolerance below zero, as for `Simplex`.
        positive = ops.all(ops.greater_equal(w, 0), axis=(-2, -1), keepdims=True)
        return ops.logical_and(positive, super()._holds(w, image, dtype))

    def _transform(self):
        return Sinkhorn(self)

    def _fed(self, rank):
        return (rank - 2,)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.mixed_permutations(fan_in, wanted)

    def _phrase(self):
        return "non-negative, rows and columns of sum 1"


def _project(dtype, shape, w):
    return project_birkhoff(w)
