"""Sets of square matrices: symmetric, skew-symmetric, semidefinite, dissipative, correlations."""

from keras import ops

from constrainit import _checks
from constrainit._compile import looping
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_matrices
from constrainit.numerics import (
    at_least,
    at_most,
    nearest_correlation,
    symmetric_part,
    with_eigenvalues,
)
from constrainit.sets._matrices import _Square
from constrainit.transforms import Damped, Linear, Rows, Square, Tall


class Symmetric(_Square):
    """The matrix equals its transpose, to the bit.

    The set is `{W : W = W'}` over the last two axes. The projection is `(W + W') / 2`, exact.

    The initializer draws normal weights of the Glorot variance.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Symmetric().project([[1.0, 2.0], [4.0, 5.0]])))
    [[1. 3.]
     [3. 5.]]
    """

    def _transform(self):
        return Linear(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.mirrored(fan_in, wanted)

    def _phrase(self):
        return "equal to its transpose"


class SkewSymmetric(_Square):
    """The matrix equals minus its transpose, to the bit; its diagonal is zero.

    The set is `{W : W = -W'}` over the last two axes. The projection is `(W - W') / 2`, exact.

    The initializer draws normal weights whose columns have the norm of a Glorot draw.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.SkewSymmetric().project([[1.0, 2.0], [4.0, 5.0]])))
    [[ 0. -1.]
     [ 1.  0.]]
    """

    _sign = -1.0

    def _transform(self):
        return Linear(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.skew(fan_in, wanted)

    def _phrase(self):
        return "equal to minus its transpose"


class PositiveSemidefinite(_Square):
    """The matrix is symmetric to the bit, with no eigenvalue below the minimum.

    The set is `{W : W = W', x'Wx >= minimum ||x||^2}` over the last two axes; convex. The
    projection takes the symmetric part and lifts its eigenvalues to the minimum, one
    eigendecomposition. An eigenvalue of the result may be below the minimum by the rounding of the
    storage, relative to the norm of the matrix. With a `rank` only so many eigenvalues are not
    zero, and the set is not convex: the projection keeps the largest ones. Of equal ones at the
    edge some are kept: each choice is equally near.

    The initializer draws Wishart matrices (plus the minimum on the diagonal) whose columns have
    the norm of a Glorot draw; with a `rank` matrices of it with equal eigenvalues and that norm.

    Args:
        minimum: The least allowed eigenvalue, at least 0.
        rank: The largest allowed rank. None: any.

    Raises:
        ValueError: `minimum` is negative or not finite, `rank` is no positive integer, or there is
            a `rank` beside a `minimum` other than 0.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.PositiveSemidefinite().project([[0.0, 2.0], [2.0, 0.0]])
    >>> print(np.asarray(nearest).round(4))
    [[1. 1.]
     [1. 1.]]

    Source: N. Higham, "Computing a nearest symmetric positive semidefinite matrix", 1988.
    """

    maskable = False

    def __init__(self, minimum: float = 0.0, rank: int | None = None):
        self.minimum = _checks.number("PositiveSemidefinite", "minimum", minimum)
        if self.minimum < 0:
            raise _checks.fail("PositiveSemidefinite", "minimum", "be at least 0", minimum)
        if rank is not None and self.minimum:
            must = f"be 0 beside rank={rank}, which leaves eigenvalues of zero"
            raise _checks.fail("PositiveSemidefinite", "minimum", must, minimum)
        self.rank = None if rank is None else _checks.count("PositiveSemidefinite", "rank", rank)

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only matrices of any rank are a convex set."""
        return self.rank is None

    def _nearest(self, w, dtype, where=None):
        return with_eigenvalues(self._part(w), self._lifted)

    def _lifted(self, values):
        lifted = at_least(values, self.minimum)
        if self.rank is None:
            return lifted
        size = values.shape[-1]
        return ops.where(ops.arange(size) >= size - self.rank, lifted, ops.zeros_like(lifted))

    def _holds(self, w, image, dtype):
        return _all_hold(self, w, image, dtype)

    def _transform(self):
        return Square(self) if self.rank is None else Tall(self)

    def _law(self, fan_in, fan_out, wanted):
        if self.rank is None or self.rank >= fan_in:
            return laws_of_matrices.wishart(fan_in, self.minimum, wanted)
        return laws_of_matrices.projector(fan_in, self.rank, wanted)

    def _phrase(self):
        rank = "" if self.rank is None else f", rank at most {self.rank}"
        return f"symmetric with eigenvalues of at least {self.minimum:g}{rank}"


class Dissipative(_Square):
    """The matrix damps: as dynamics `x' = Wx` every distance shrinks at the rate, or faster.

    The set is `{W : x'Wx <= -rate ||x||^2}` over the last two axes: the symmetric part of the
    matrix has no eigenvalue above `-rate`; convex. That is to say that the logarithmic norm of `W`
    is at most `-rate`, so that `||exp(Wt)|| <= exp(-rate t)`. Its eigenvalues have real parts of at
    most `-rate`: it is stable (Hurwitz), and each stable matrix is one of this set in some basis.
    The projection cuts the eigenvalues of the symmetric part, one eigendecomposition, and keeps the
    skew-symmetric part; exact.

    The initializer draws minus a Wishart matrix (less the rate on the diagonal) and a normal
    skew-symmetric one, of about equal size, whose sum has columns of the norm of a Glorot draw.

    Args:
        rate: The least rate of decay, at least 0.

    Raises:
        ValueError: `rate` is negative or not finite.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.Dissipative(0.5).project([[1.0, 2.0], [-2.0, -3.0]])
    >>> print(np.asarray(nearest).round(4))
    [[-0.5  2. ]
     [-2.  -3. ]]

    Source: G. Soderlind, "The logarithmic norm. History and modern theory", 2006.
    """

    maskable = False
    to_the_bit = False

    def __init__(self, rate: float = 0.0):
        self.rate = _checks.number("Dissipative", "rate", rate)
        if self.rate < 0:
            raise _checks.fail("Dissipative", "rate", "be at least 0", rate)

    def _nearest(self, w, dtype, where=None):
        damped = with_eigenvalues(self._part(w), lambda values: at_most(values, -self.rate))
        return damped + symmetric_part(w, -1.0)

    def _holds(self, w, image, dtype):
        return ConstraintSet._holds(self, w, image, dtype)

    def _transform(self):
        return Damped(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.dissipative(fan_in, self.rate, wanted)

    def _phrase(self):
        return f"symmetric part with eigenvalues of at most {-self.rate:g}"


class Correlation(_Square):
    """The matrix is a correlation matrix: symmetric, positive semidefinite, of diagonal one.

    The set is `{W : W = W', W >= 0, diag(W) = 1}` over the last two axes; convex. Symmetry and
    diagonal hold to the bit. The projection is Newton's method on the dual, one eigendecomposition
    a step and about ten steps, accurate to `1e-5` of the norm of the weight. Beyond entries of 100
    only the direction of the weight counts: the result is a member, the nearest one to the weight
    scaled down to 100. Several matrices at once are solved side by side.

    The initializer draws the correlations of uniform directions, in as many dimensions as give the
    columns the norm of a Glorot draw; that norm is above one, which the diagonal alone has.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Correlation().project([[7.0, 2.0], [2.0, 0.0]])).round(4))
    [[1. 1.]
     [1. 1.]]

    Source: H. Qi, D. Sun, "A quadratically convergent Newton method for computing the nearest
    correlation matrix", 2006; N. Higham, "Computing the nearest correlation matrix", 2002.
    """

    maskable = False
    projects = "to 1e-5"

    def _nearest(self, w, dtype, where=None):
        return looping(nearest_correlation)(self._part(w))

    def _holds(self, w, image, dtype):
        ones = ops.all(ops.equal(ops.diagonal(w, axis1=-2, axis2=-1), 1.0), axis=-1)
        return ops.logical_and(_all_hold(self, w, image, dtype), ones[..., None, None])

    def _transform(self):
        return Rows(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.correlations(fan_in, wanted)

    def _phrase(self):
        return "a correlation matrix"


def _all_hold(a_set, w, image, dtype):
    """Whether a matrix is symmetric to the bit, and as near as the tolerance asks for."""
    mirrored = ops.all(_Square._holds(a_set, w, image, dtype), axis=(-2, -1), keepdims=True)
    return ops.logical_and(mirrored, ConstraintSet._holds(a_set, w, image, dtype))
