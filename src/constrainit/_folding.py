"""A weight of any rank seen as a matrix, `(what feeds a unit, units)`."""

import math
from typing import Any

import numpy as np
from keras import ops


class Folding:
    """How a weight becomes a matrix and a matrix the weight.

    Args:
        shape: Shape of the weight.
        rows: The axes that make up the rows, not negative.

    Attributes:
        size: Rows and columns of the matrix.
    """

    def __init__(self, shape, rows):
        self._shape = tuple(shape)
        self._order = [*rows, *(a for a in range(len(shape)) if a not in rows)]
        self._back = [self._order.index(a) for a in range(len(shape))]
        self._moved = [shape[a] for a in self._order]
        height = math.prod(shape[a] for a in rows)
        self.size = height, math.prod(shape) // max(height, 1)

    def matrix(self, w) -> Any:
        """The weight as a matrix."""
        return ops.reshape(ops.transpose(w, self._order), self.size)

    def array(self, values) -> np.ndarray:
        """As `matrix`, of a NumPy array that broadcasts to the weight."""
        return np.transpose(np.broadcast_to(values, self._shape), self._order).reshape(self.size)

    def weight(self, matrix) -> Any:
        """The matrix as a weight."""
        return ops.transpose(ops.reshape(matrix, self._moved), self._back)

    def unfolded(self, matrix: np.ndarray) -> np.ndarray:
        """As `weight`, of a NumPy array."""
        return np.transpose(matrix.reshape(self._moved), self._back)
