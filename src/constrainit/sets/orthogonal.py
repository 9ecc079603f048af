"""Sets of orthonormal matrices, and of matrices near them."""

import keras
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit.initializers import laws_of_matrices
from constrainit.numerics import between, polar_factor, spectral_bound, with_singular_values
from constrainit.sets._matrices import _Folded, beside_each_other
from constrainit.transforms import Polar, Waves


class Orthogonal(_Folded):
    """The columns of the matrix are orthonormal; where it is wide, the rows are.

    The set is the Stiefel manifold `{W : W'W = I}` (`WW' = I` if there are fewer rows than
    columns), with the axes that feed one unit as rows and the others as columns; not convex. The
    projection is the polar factor: products of matrices where the weight is one optimizer step off
    the set, a singular value decomposition elsewhere. A rank deficient matrix has several nearest
    members and gets one of them; the zero matrix goes to the identity. The kernels of an LSTM hold
    the matrices of four gates side by side, of a GRU those of three: for each gate by itself write
    `Blocks(Orthogonal(), 4)`, or 3.

    The initializer draws uniformly (Haar). A unit's output keeps the variance of its input where
    the matrix is tall or square, and `fan_in / fan_out` of it where it is wide: fixed by the set.

    Args:
        axis: The axes that make up the rows. None: those that feed one unit of the layer; for a
            bare array all axes but the last.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.Orthogonal().project([[3.0, 0.0], [0.0, 4.0]])
    >>> print(np.abs(np.asarray(nearest)).round(4))
    [[1. 0.]
     [0. 1.]]

    Source: N. Higham, "Computing the polar decomposition", 1986; F. Mezzadri, "How to generate
    random matrices from the classical compact groups", 2007.
    """

    convex = False
    _for_vectors = "For a vector use UnitNorm()."

    def __init__(self, axis: int | list[int] | None = None):
        self.axis = _checks.axes("Orthogonal", axis)

    def _nearest_matrix(self, w):
        return polar_factor(w)

    def _transform(self):
        return Polar(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.frame(fan_in, fan_out, wanted)

    def _phrase(self):
        return "orthonormal columns (rows where wide)"


class SpecialOrthogonal(_Folded):
    """The matrix is a rotation: square, orthogonal, of determinant one.

    The set is `{W : W'W = I, det W = 1}`, with the axes that feed one unit as rows and the others
    as columns; not convex. The projection is the polar factor; where that is a reflection, the
    direction of the smallest singular value is turned round, which is nearest. It costs an
    eigendecomposition more than that of `Orthogonal`. Matrices with several nearest members, the
    zero matrix among them, get one of them.

    The initializer draws uniformly among rotations (Haar). A unit's output keeps the variance of
    its input.

    Args:
        axis: The axes that make up the rows. None: those that feed one unit of the layer; for a
            bare array all axes but the last.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = np.asarray(ci.SpecialOrthogonal().project([[3.0, 0.0], [0.0, -2.0]]))
    >>> print(nearest.round(4) + 0.0)
    [[1. 0.]
     [0. 1.]]

    Source: W. Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976.
    """

    convex = False
    _for_vectors = "For a vector use UnitNorm()."

    def __init__(self, axis: int | list[int] | None = None):
        self.axis = _checks.axes("SpecialOrthogonal", axis)

    def check_shape(self, shape):
        super().check_shape(shape)
        rows, columns = self._folding(shape).size
        if rows != columns:
            raise ValueError(
                "`SpecialOrthogonal` needs a square matrix. Received: "
                f"shape={shape} with axis={self.axis}, a matrix of {rows} rows and {columns} "
                "columns. For other shapes use Orthogonal()."
                f"{beside_each_other(self, (rows, columns))}"
            )

    def _nearest_matrix(self, w):
        return polar_factor(w, rotation=True)

    def _transform(self):
        return Polar(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.rotation(fan_in, wanted)

    def _phrase(self):
        return "a rotation (orthogonal, determinant 1)"


class SingularValues(_Folded):
    """All singular values of the matrix lie between two bounds: no input is lost, none blown up.

    The set is `{W : lower <= sigma_i(W) <= upper}`, with the axes that feed one unit as rows and
    the others as columns; not convex unless `lower` is 0. Where `lower` is positive, a square
    matrix is invertible, with a condition number of at most `upper / lower`. The projection clips
    the singular values, one singular value decomposition; exact. It is left out where products of
    matrices show that the weight is inside. Where a singular value of zero has to grow several
    directions are equally near, and one of them is taken; the zero matrix goes to `lower` times the
    identity. With `1 - e` and `1 + e` these are the matrices close to `Orthogonal`.

    The initializer draws orthonormal columns (rows where wide) times one number: the one that keeps
    the signal, or the bound next to it.

    Args:
        lower: The least allowed singular value, at least 0.
        upper: The largest allowed one.
        axis: The axes that make up the rows. None: those that feed one unit of the layer; for a
            bare array all axes but the last.

    Raises:
        ValueError: `lower` is negative, `upper` is not positive or below `lower`, or `axis` is no
            list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> nearest = ci.SingularValues(0.5, 2.0).project([[3.0, 0.0], [0.0, 0.25]])
    >>> print(np.asarray(nearest).round(4) + 0.0)
    [[2.  0. ]
     [0.  0.5]]

    Source: L. Mirsky, "Symmetric gauge functions and unitarily invariant norms", 1960.
    """

    _for_vectors = "For a vector use NormRange(lower, upper)."

    def __init__(self, lower: float, upper: float, axis: int | list[int] | None = None):
        self.lower = _checks.number("SingularValues", "lower", lower)
        self.upper = _checks.positive("SingularValues", "upper", upper)
        if not 0 <= self.lower <= self.upper:
            raise _checks.fail("SingularValues", "lower", f"lie in [0, upper={upper!r}]", lower)
        self.axis = _checks.axes("SingularValues", axis)

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only a ball is convex."""
        return self.lower == 0

    def _nearest_matrix(self, w):
        def clipped():
            return with_singular_values(w, lambda values: between(values, self.lower, self.upper))

        return ops.cond(self._certified(w), lambda: w, clipped)

    def _certified(self, w):
        """Whether `W'W`, less the middle of the squares, is so small that `W` must be inside."""
        tall = w if w.shape[0] >= w.shape[1] else ops.transpose(w)
        low, high = self.lower**2, self.upper**2
        eye = ops.eye(tall.shape[1], dtype=w.dtype)
        apart = ops.transpose(tall) @ tall - 0.5 * (low + high) * eye
        # What the rounding of the product may hide.
        eps = float(np.finfo(keras.backend.standardize_dtype(w.dtype)).eps)
        room = 0.5 * (high - low) - tall.shape[0] * eps * high
        return ops.reshape(spectral_bound(apart), ()) <= room

    def _transform(self):
        return Waves(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_matrices.isometry(fan_in, fan_out, fan_in, self.upper, wanted, self.lower)

    def _phrase(self):
        return f"singular values in [{self.lower:g}, {self.upper:g}]"
