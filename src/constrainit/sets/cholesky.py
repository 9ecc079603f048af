"""Cholesky factors: lower triangular matrices with a positive diagonal."""

import math

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._precision import dtype_of, inward, nearest
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_matrices
from constrainit.initializers._draws import nth_seed
from constrainit.numerics import at_least, polar
from constrainit.sets._matrices import check_matrix, check_square
from constrainit.sets.structured import _Support
from constrainit.transforms import Caps, LiftedDiagonal


class _Factors(_Support):
    """Lower triangular matrices, one for each index of the axes before the last two."""

    minimum: float

    def _at(self, offset):
        return offset <= 0

    def _diagonal(self, shape):
        """Where the diagonal is, as a matrix of booleans."""
        return ops.convert_to_tensor(self._at_diagonal(shape))

    def _at_diagonal(self, shape):
        return np.eye(*shape[-2:]) > 0

    def _least(self, dtype):
        """The minimum, as the storage dtype holds it without stepping below."""
        return inward(self.minimum, dtype, +1)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        if len(shape) == 2:
            return super()._draw(shape, dtype, seed, wanted, axes, where)
        count = math.prod(shape[:-2])
        masks = [None] * count
        if where is not None:
            masks = list(np.reshape(np.broadcast_to(where, shape), (count, *shape[-2:])))
        parts = [
            super(_Factors, self)._draw(shape[-2:], dtype, nth_seed(seed, i), wanted, None, mask)
            for i, mask in enumerate(masks)
        ]
        return ops.reshape(ops.stack(parts), shape)


class CholeskyFactor(_Factors):
    """The matrix is lower triangular, with no diagonal entry below the minimum.

    The set is `{L : L[i, j] = 0 where j > i, L[i, i] >= minimum}` over the last two axes: what
    makes `L L'` positive definite, each of them once. The matrix may be taller than wide; in a
    weight of more axes each matrix is one by itself. The projection clears what is above the
    diagonal and lifts the diagonal to the minimum, exact.

    The initializer draws columns of the norm of a Glorot draw in uniform directions of the half
    whose diagonal entry is positive.

    Args:
        minimum: The least allowed entry of the diagonal.

    Raises:
        ValueError: `minimum` is not positive and finite; at use, the weight is a vector, or wider
            than tall.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.CholeskyFactor(0.5).project([[2.0, 3.0], [1.0, -4.0]])))
    [[2.  0. ]
     [1.  0.5]]

    Source: J. Pinheiro, D. Bates, "Unconstrained parametrizations for variance-covariance
    matrices", 1996.
    """

    def __init__(self, minimum: float = 1e-4):
        self.minimum = _checks.positive("CholeskyFactor", "minimum", minimum)

    def check_shape(self, shape):
        check_matrix(self, shape)
        if shape[-1] > shape[-2]:
            raise ValueError(
                "`CholeskyFactor` needs a weight with at least as many rows as columns: the others "
                f"have no diagonal entry. Received: shape={tuple(shape)}."
            )

    def _nearest(self, w, dtype, where=None):
        diagonal = self._diagonal(w.shape)
        lifted = ops.where(diagonal, at_least(w, self._least(dtype)), w)
        return super()._nearest(lifted, dtype, where)

    def _outside(self, w, image):
        # As for bounds: what the minimum is rounded to violates nothing, on whichever side of it.
        rounded = ops.equal(w, nearest(self.minimum, dtype_of(w)))
        moved = super()._outside(w, image)
        at_bound = ops.logical_and(self._diagonal(w.shape), rounded)
        return ops.where(at_bound, ops.zeros_like(moved), moved)

    def _transform(self):
        return LiftedDiagonal(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.cholesky(fan_in, self.minimum, wanted)

    def _phrase(self):
        return f"lower triangular with a diagonal of at least {self.minimum:g}"


class CorrelationCholesky(_Factors):
    """The matrix is lower triangular, with rows of norm one and a positive diagonal.

    The set is `{L : L[i, j] = 0 where j > i, ||L[i]|| = 1, L[i, i] >= minimum}` over the last two
    axes, square: what makes `L L'` a correlation matrix; not convex. In a weight of more axes each
    matrix is one by itself.

    The projection goes row by row, exact. A row, cleared above the diagonal, is divided by its
    norm; if its diagonal is then below the minimum, it is the minimum, and the rest keeps its
    direction and gets the norm that is left. A row of zeros goes to a one on the diagonal; one
    whose diagonal is negative and all else zero, to which every direction is equally near, to
    equal entries beside the minimum. The first row is always a one.

    The initializer draws each row in a uniform direction of the half whose diagonal entry is
    positive. All columns together have the mean square norm one, the first of them most of it.

    Args:
        minimum: The least allowed entry of the diagonal, below 1.

    Raises:
        ValueError: `minimum` is not in (0, 1); at use, the last two axes are no square.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.CorrelationCholesky().project([[7.0, 2.0], [3.0, 4.0]])).round(4))
    [[1.  0. ]
     [0.6 0.8]]

    Source: D. Lewandowski, D. Kurowicka, H. Joe, "Generating random correlation matrices based on
    vines and extended onion method", 2009.
    """

    convex = False
    maskable = False
    to_the_bit = True

    def __init__(self, minimum: float = 1e-4):
        self.minimum = _checks.positive("CorrelationCholesky", "minimum", minimum)
        if self.minimum >= 1:
            raise _checks.fail("CorrelationCholesky", "minimum", "be below 1", minimum)

    def check_shape(self, shape):
        check_square(self, shape)

    def _units(self, rank):
        return (rank - 1,)

    def _fed(self, rank):
        return (rank - 2,)

    def _usable(self, w):
        return ConstraintSet._usable(self, w)

    def _nearest(self, w, dtype, where=None):
        least, diagonal = self._least(dtype), self._diagonal(w.shape)
        row, one = self._units(len(w.shape)), ops.cast(diagonal, w.dtype)
        w = super()._nearest(w, dtype)
        direction, norm = polar(w, row)
        way, size = polar(ops.where(diagonal, ops.zeros_like(w), w), row)
        way = ops.where(size > 0, way, ops.convert_to_tensor(_even(w.shape[-1]), dtype=w.dtype))
        capped = way * (1.0 - least**2) ** 0.5 + one * least
        steep = ops.sum(direction * one, axis=-1, keepdims=True) >= least
        image = ops.where(steep, direction, capped)
        first = ops.convert_to_tensor(np.arange(w.shape[-1])[:, None] == 0)
        return ops.where(ops.logical_or(first, norm <= 0), one, image)

    def _holds(self, w, image, dtype):
        one = ops.cast(self._diagonal(w.shape), w.dtype)
        clear = ops.all(ops.equal(w, super()._nearest(w, dtype)), axis=-1, keepdims=True)
        high = ops.sum(w * one, axis=-1, keepdims=True) >= self._least(dtype)
        near = ConstraintSet._holds(self, w, image, dtype)
        return ops.logical_and(near, ops.logical_and(clear, high))

    def _transform(self):
        return Caps(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.rows_of_correlations(fan_in, fan_out)

    def _phrase(self):
        return f"lower triangular with rows of norm 1 and a diagonal of at least {self.minimum:g}"


def _even(size):
    """Equal entries left of the diagonal, of norm one in each row but the first."""
    below = np.tri(size, k=-1)
    return below / np.sqrt(np.maximum(below.sum(axis=1, keepdims=True), 1.0))
