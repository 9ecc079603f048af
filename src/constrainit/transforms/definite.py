"""Smooth maps onto positive semidefinite, dissipative and correlation matrices."""

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
        v = _within_range(v, dtype)
        return _lifted(symmetric_part(v @ ops.swapaxes(v, -1, -2)), self.set.minimum)

    def _inverse(self, w, dtype):
        return _root(w, self.set.minimum)

    def _inside(self, w, dtype):
        return w + _shift(w) * np.eye(w.shape[-1])


class Tall(Square):
    """`V V'` with as many columns in `V` as the rank allows.

    At the start they are eigenvectors of the member, times the roots of its eigenvalues.
    """

    reshapes = True

    def free_shape(self, shape):
        """As many columns as the rank allows."""
        return (*shape[:-1], min(self.set.rank, shape[-1]))

    def _member(self, v, dtype, shape):
        return self._map(v, dtype)

    def _inverse(self, w, dtype):
        values, vectors = np.linalg.eigh(w)
        first = w.shape[-1] - self.free_shape(w.shape)[-1]
        roots = np.sqrt(np.maximum(values[..., first:], 0.0))
        return vectors[..., first:] * roots[..., None, :]

    def _inside(self, w, dtype):
        v = self._inverse(super()._inside(w, dtype), dtype)
        return v @ np.swapaxes(v, -1, -2)


class Damped(Transform):
    """`K - M M - rate * I` with the free value's skew-symmetric part `K` and symmetric part `M`.

    The two are free of one another, and every member is reached: a positive semidefinite matrix has
    a symmetric root.
    """

    def _map(self, v, dtype):
        v = at_most(at_least(v, -(most := _most(dtype) / 8)), most)
        root = _within_range(symmetric_part(v), dtype)
        return symmetric_part(v, -1.0) - _lifted(symmetric_part(root @ root), self.set.rate)

    def _inverse(self, w, dtype):
        turned = np.swapaxes(w, -1, -2)
        return (w - turned) / 2 + _root(-(w + turned) / 2, self.set.rate)

    def _inside(self, w, dtype):
        return w - _shift(-w) * np.eye(w.shape[-1])


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


def _within_range(v, dtype):
    """Free values as large as their products may be, in the arithmetic and when stored."""
    limit = (_most(dtype) / (8 * v.shape[-1])) ** 0.5
    return at_most(at_least(v, -limit), limit)


def _most(dtype):
    return min(float(ml_dtypes.finfo(dtype).max), 1e30)


def _lifted(w, minimum):
    return w + minimum * ops.eye(w.shape[-1], dtype=w.dtype) if minimum else w


def _shift(w):
    """A thousandth of the mean of the eigenvalues."""
    return 1e-3 * np.trace(w, axis1=-2, axis2=-1)[..., None, None] / w.shape[-1]
