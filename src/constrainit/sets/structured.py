"""Structured matrices: entries that are zero, or equal, by their place."""

import math

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers import _draws, laws, laws_of_matrices
from constrainit.numerics import circulant, computed_once, from_diagonals, from_first_row, toeplitz
from constrainit.sets._matrices import check_matrix, check_square
from constrainit.transforms import Linear


class _Matrices(ConstraintSet):
    """Matrices over the last two axes."""

    def check_shape(self, shape):
        check_matrix(self, shape)


class _Support(_Matrices):
    """Matrices that are zero but at certain places."""

    def _at(self, offset: np.ndarray) -> np.ndarray:
        """Whether entries may differ from zero, by their column less their row."""
        raise TypeError(f"`{type(self).__name__}` must define `_at(offset)`.")

    def _support(self, shape, where=None):
        rows, columns = shape[-2:]
        support = self._at(np.arange(columns) - np.arange(rows)[:, None])
        return np.broadcast_to(support, shape) & (True if where is None else np.asarray(where))

    def _nearest(self, w, dtype, where=None):
        support = ops.convert_to_tensor(self._support(w.shape[-2:]))
        support = support if where is None else ops.logical_and(where, support)
        return ops.where(support, w, ops.zeros_like(w))

    def _holds(self, w, image, dtype):
        return ops.equal(w, image)

    def _usable(self, w):
        return ops.logical_not(ops.isnan(w))

    def _units(self, rank):
        return ()

    def _transform(self):
        return Linear(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws.direction(fan_in, fan_out, wanted.gain, wanted)

    def _law_of(self, shape, axes, wanted, where=None):
        return super()._law_of(shape, axes, wanted, self._support(shape, where))

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        return super()._draw(shape, dtype, seed, wanted, axes, self._support(shape, where))


class Triangular(_Support):
    """The matrix is zero above its diagonal, or below it.

    The set is `{W : W[i, j] = 0 where j > i}` over the last two axes, `(inputs, units)` of a
    kernel: a unit sees the inputs of its own number and later ones. With `lower=False` it is zero
    where `j < i`. The matrix need not be square. Exact.

    The initializer gives each unit the norm of a Glorot draw on the inputs that it sees. Units
    without any (columns beyond the rows of a lower matrix) stay zero, and `plan` says how many.

    Args:
        lower: Whether what is kept lies below the diagonal, else above; the diagonal is kept.

    Raises:
        ValueError: `lower` is not a boolean; at use, the weight is a vector.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Triangular().project([[1.0, 2.0], [3.0, 4.0]])))
    [[1. 0.]
     [3. 4.]]
    """

    def __init__(self, lower: bool = True):
        if not isinstance(lower, bool):
            raise _checks.fail("Triangular", "lower", "be True or False", lower)
        self.lower = lower

    def _at(self, offset):
        return offset <= 0 if self.lower else offset >= 0

    def _phrase(self):
        return f"{'lower' if self.lower else 'upper'} triangular"


class Diagonal(_Support):
    """The matrix is zero off its diagonal.

    The set is `{W : W[i, j] = 0 where i != j}` over the last two axes; the matrix need not be
    square. Exact.

    The initializer draws entries of the norm of a Glorot column, with random signs.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Diagonal().project([[1.0, 2.0], [3.0, 4.0]])))
    [[1. 0.]
     [0. 4.]]
    """

    def _at(self, offset):
        return offset == 0

    def _phrase(self):
        return "diagonal"


class Banded(_Support):
    """The matrix is zero but for some diagonals beside the main one.

    The set is `{W : W[i, j] = 0 where i - j > lower or j - i > upper}` over the last two axes;
    the matrix need not be square. Exact.

    The initializer is that of `Triangular`.

    Args:
        lower: How many diagonals below the main one are kept.
        upper: How many above it.

    Raises:
        ValueError: `lower` or `upper` is no integer of at least 0; at use, the weight is a vector.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Banded(0, 1).project(np.ones((3, 3), "float32"))))
    [[1. 1. 0.]
     [0. 1. 1.]
     [0. 0. 1.]]
    """

    def __init__(self, lower: int, upper: int):
        self.lower = _checks.count("Banded", "lower", lower, least=0)
        self.upper = _checks.count("Banded", "upper", upper, least=0)

    def _at(self, offset):
        return (-offset <= self.lower) & (offset <= self.upper)

    def _phrase(self):
        return f"banded, {self.lower} diagonals below the main one and {self.upper} above"


class _Constant(_Matrices):
    """Matrices whose entries are equal along diagonals."""

    maskable = False
    to_the_bit = True

    def _units(self, rank):
        return (rank - 2, rank - 1)

    def _repeated(self, w):
        """The member whose first entries are those of `w`."""
        raise TypeError(f"`{type(self).__name__}` must define `_repeated(w)`.")

    def _holds(self, w, image, dtype):
        units = self._units(len(w.shape))
        return ops.all(ops.equal(w, self._repeated(w)), axis=units, keepdims=True)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        if len(shape) == 2:
            return super()._draw(shape, dtype, seed, wanted, axes)
        seeds = [_draws.nth_seed(seed, i) for i in range(math.prod(shape[:-2]))]
        parts = [super(_Constant, self)._draw(shape[-2:], dtype, one, wanted) for one in seeds]
        # A unit of a convolution has its norm from all positions of the window together.
        share = shape[-2] / self._rows_of(shape, axes)[1]
        return math.sqrt(share) * ops.reshape(ops.stack(parts), shape)


class Toeplitz(_Constant):
    """The matrix is constant along each of its diagonals, to the bit.

    The set is `{W : W[i, j] = W[i + 1, j + 1]}` over the last two axes; the matrix need not be
    square: it is a convolution along its inputs. The projection is the mean of each diagonal,
    exact.

    The initializer draws a normal number for each diagonal, of the Glorot variance.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Toeplitz().project([[1.0, 2.0], [4.0, 5.0]])))
    [[3. 2.]
     [4. 3.]]
    """

    def _nearest(self, w, dtype, where=None):
        return from_diagonals(computed_once(toeplitz(w)), w.shape[-2])

    def _repeated(self, w):
        first = ops.concatenate([ops.flip(w[..., 0], axis=-1), w[..., 0, 1:]], axis=-1)
        return from_diagonals(first, w.shape[-2])

    def _transform(self):
        return Linear(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.constant_diagonals(fan_in, wanted, rotated=False)

    def _phrase(self):
        return "constant along diagonals"


class Circulant(_Constant):
    """Each row of the square matrix is the row before, rotated by one, to the bit.

    The set is `{W : W[i, j] = c[(j - i) mod n]}` over the last two axes: a convolution that wraps
    around. The projection is the mean over the entries that are to be equal, exact.

    The initializer draws the row in a uniform direction with the norm of a Glorot column.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Circulant().project([[1.0, 2.0], [4.0, 5.0]])))
    [[3. 3.]
     [3. 3.]]

    Source: T. Chan, "An optimal circulant preconditioner for Toeplitz systems", 1988.
    """

    def check_shape(self, shape):
        check_square(self, shape)

    def _nearest(self, w, dtype, where=None):
        return from_first_row(computed_once(circulant(w)))

    def _repeated(self, w):
        return from_first_row(w[..., 0, :])

    def _transform(self):
        return Linear(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.constant_diagonals(fan_in, wanted, rotated=True)

    def _phrase(self):
        return "circulant"
