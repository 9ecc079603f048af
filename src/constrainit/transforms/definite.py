"""Smooth maps onto positive semidefinite and correlation matrices."""

import ml_dtypes
import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most, computed_once, symmetric_part
from constrainit.transforms._transform import Transform, with_value


class Square(Transform):
    """`V V' + minimum * I`: reaches every member, those of lower rank too.

    The free value is a square root of the member, at the start the symmetric one. Unlike the
    factor of Cholesky it exists, and stays finite, at every member.
    """

    def _map(self, v, dtype):
        # Larger products would overflow, in the arithmetic or when they are stored.
        most = min(float(ml_dtypes.finfo(dtype).max), 1e30)
        limit = (most / (8 * v.shape[-1])) ** 0.5
        v = at_most(at_least(v, -limit), limit)
        product = symmetric_part(v @ ops.swapaxes(v, -1, -2))
        if not self.set.minimum:
            return product
        return product + self.set.minimum * ops.eye(v.shape[-1], dtype=v.dtype)

    def _inverse(self, w, dtype):
        return _root(w, self.set.minimum)

    def _inside(self, w, dtype):
        shift = 1e-3 * np.trace(w, axis1=-2, axis2=-1)[..., None, None] / w.shape[-1]
        return w + shift * np.eye(w.shape[-1])


class Rows(Transform):
    """`U U'` with the rows of the free value, each divided by its norm, as `U`."""

    def _map(self, v, dtype):
        v = at_most(at_least(v, -1e14), 1e14)
        square = ops.sum(ops.square(v), axis=-1, keepdims=True)
        some, eye = square > 1e-28, ops.eye(v.shape[-1], dtype=v.dtype)
        norm = ops.sqrt(ops.where(some, square, ops.ones_like(square)))
        unit = v / norm
        if dtype == "float16":
            # The slope is one over the norm: float16 could not hold it.
            unit = with_value(v / at_least(norm, 1e-2), unit)
        rows = computed_once(ops.where(some, unit, eye))
        product = symmetric_part(rows @ ops.swapaxes(rows, -1, -2))
        return ops.where(eye > 0, ops.ones_like(product), product)

    def _inverse(self, w, dtype):
        return _root(w, 0.0)

    def _inside(self, w, dtype):
        return 0.999 * w + 0.001 * np.eye(w.shape[-1])


def _root(w, minimum):
    """The symmetric square root of a member less its minimum."""
    values, vectors = np.linalg.eigh(w)
    roots = np.sqrt(np.maximum(values - minimum, 0.0))
    return (vectors * roots[..., None, :]) @ np.swapaxes(vectors, -1, -2)
