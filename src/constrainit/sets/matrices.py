"""Sets of matrices: orthonormal and symmetric ones."""

from keras import ops

from constrainit import _checks
from constrainit._folding import Folding
from constrainit._set import ConstraintSet
from constrainit.initializers import laws
from constrainit.initializers._draws import nth_seed
from constrainit.numerics import polar_factor


class Orthogonal(ConstraintSet):
    """The columns of the matrix are orthonormal; where it is wide, the rows are.

    The set is the Stiefel manifold `{W : W'W = I}` (`WW' = I` if there are fewer rows than
    columns), with the axes that feed one unit as rows and the others as columns; not convex. The
    projection is the polar factor, one singular value decomposition. A rank deficient matrix has
    several nearest members and gets one of them; the zero matrix goes to the identity.

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
    maskable = False

    def __init__(self, axis: int | list[int] | None = None):
        self.axis = _checks.axes("Orthogonal", axis)

    def check_shape(self, shape):
        super().check_shape(shape)
        if len(shape) < 2 or len(self._rows(len(shape))) == len(shape):
            raise ValueError(
                f"`Orthogonal` needs a weight with rows and columns. Received: shape={shape}"
                f" with axis={self.axis}. For a vector use UnitNorm()."
            )

    def _rows(self, rank):
        return [a % rank for a in super()._units(rank)]

    def _units(self, rank):
        return tuple(range(rank))

    def _nearest(self, w, dtype, where=None):
        folding = Folding(w.shape, self._rows(len(w.shape)))
        return folding.weight(polar_factor(folding.matrix(w)))

    def _fed(self, rank):
        return self._rows(rank) if self.axis is not None else None

    def _law(self, fan_in, fan_out, wanted):
        return laws.frame(fan_in, fan_out, wanted)

    def _phrase(self):
        return "orthonormal columns (rows where wide)"


class Symmetric(ConstraintSet):
    """The matrix equals its transpose, to the bit.

    The set is `{W : W = W'}` over the last two axes. The projection is `(W + W') / 2`, exact.

    The initializer draws normal weights of the Glorot variance.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Symmetric().project([[1.0, 2.0], [4.0, 5.0]])))
    [[1. 3.]
     [3. 5.]]
    """

    def check_shape(self, shape):
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ValueError(
                "`Symmetric` needs a weight whose last two axes have one size. "
                f"Received: shape={shape}."
            )

    def _units(self, rank):
        return (rank - 2, rank - 1)

    def _nearest(self, w, dtype, where=None):
        image = 0.5 * w + 0.5 * _swapped(w)
        if where is None:
            return image
        return ops.where(ops.logical_and(where, _swapped(where)), image, ops.zeros_like(w))

    def _holds(self, w, image, dtype):
        return ops.equal(w, _swapped(w))

    def _fed(self, rank):
        return (rank - 2,)

    def _law(self, fan_in, fan_out, wanted):
        return laws.mirrored(fan_in, wanted)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        if len(shape) == 2:
            return super()._draw(shape, dtype, seed, wanted, axes, where)
        parts = [
            self._draw(shape[1:], dtype, nth_seed(seed, i), wanted, axes, part)
            for i, part in enumerate([None] * shape[0] if where is None else where)
        ]
        return ops.stack(parts)

    def _phrase(self):
        return "equal to its transpose"


def _swapped(w):
    return ops.swapaxes(w, -1, -2)
