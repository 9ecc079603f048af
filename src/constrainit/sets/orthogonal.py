"""Sets of orthonormal matrices."""

from constrainit import _checks
from constrainit.initializers import laws_of_matrices
from constrainit.numerics import polar_factor
from constrainit.sets._matrices import _Folded, beside_each_other
from constrainit.transforms import Polar


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
