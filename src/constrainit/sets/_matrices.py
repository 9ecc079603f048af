"""What sets of matrices share: how a weight is seen as a matrix."""

from typing import Any

from keras import ops

from constrainit._folding import Folding
from constrainit._set import ConstraintSet
from constrainit.initializers._draws import nth_seed
from constrainit.numerics import symmetric_part


class _Folded(ConstraintSet):
    """A set of matrices, with the axes that feed one unit as rows and the others as columns."""

    axis: int | list[int] | None
    maskable = False

    _for_vectors = ""
    """What to write for a vector."""

    def check_shape(self, shape):
        super().check_shape(shape)
        more = f" with axis={self.axis}. {self._for_vectors}"
        check_matrix(self, shape, rows=len(self._rows(len(shape))), more=more)

    def _rows(self, rank):
        return [a % rank for a in super()._units(rank)]

    def _units(self, rank):
        return tuple(range(rank))

    def _folding(self, shape):
        return Folding(shape, self._rows(len(shape)))

    def _nearest(self, w, dtype, where=None):
        folding = self._folding(w.shape)
        return folding.weight(self._nearest_matrix(folding.matrix(w)))

    def _nearest_matrix(self, w) -> Any:
        """The nearest matrix of the set."""
        raise TypeError(f"`{type(self).__name__}` must define `_nearest_matrix(w)`.")

    def _fed(self, rank):
        return self._rows(rank) if self.axis is not None else None


class _Square(ConstraintSet):
    """A set of square matrices in the last two axes, equal to `sign` times their transpose."""

    to_the_bit = True
    _sign = 1.0

    def check_shape(self, shape):
        check_square(self, shape)

    def _units(self, rank):
        return (rank - 2, rank - 1)

    def _part(self, w):
        """The symmetric, or skew-symmetric, part."""
        return symmetric_part(w, self._sign)

    def _nearest(self, w, dtype, where=None):
        image = self._part(w)
        if where is None:
            return image
        return ops.where(ops.logical_and(where, swapped(where)), image, ops.zeros_like(w))

    def _holds(self, w, image, dtype):
        return ops.equal(w, self._sign * swapped(w))

    def _fed(self, rank):
        return (rank - 2,)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        if len(shape) == 2:
            return super()._draw(shape, dtype, seed, wanted, axes, where)
        parts = [
            self._draw(shape[1:], dtype, nth_seed(seed, i), wanted, axes, part)
            for i, part in enumerate([None] * shape[0] if where is None else where)
        ]
        return ops.stack(parts)


def check_matrix(a_set, shape, *, rows=1, more="."):
    """Raises ValueError for a weight of which no axis is left for columns; `more` ends it."""
    if len(shape) <= rows:
        raise ValueError(
            f"`{type(a_set).__name__}` needs a weight with rows and columns. Received: "
            f"shape={tuple(shape)}{more}"
        )


def check_square(a_set, shape):
    """Raises ValueError for a weight whose last two axes are no square matrix."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(
            f"`{type(a_set).__name__}` needs a weight whose last two axes have one size. "
            f"Received: shape={tuple(shape)}.{beside_each_other(a_set, shape[-2:])}"
        )


def beside_each_other(a_set, size):
    """What to write where rows and columns make several squares, as the gates of a recurrence."""
    rows, columns = size if len(size) == 2 else (0, 0)
    if not rows or columns % rows or columns == rows:
        return ""
    blocks = columns // rows
    return (
        f" For {blocks} square matrices beside each other, such as the gates of a recurrence, "
        f"write Blocks({a_set!r}, {blocks})."
    )


def swapped(w):
    """The transpose, in the last two axes."""
    return ops.swapaxes(w, -1, -2)
