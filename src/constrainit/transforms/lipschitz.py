"""Smooth maps onto matrices and convolutions of a bounded norm, of products of matrices only."""

import keras
import ml_dtypes
import numpy as np
from keras import ops

from constrainit._compile import choose, exact_products
from constrainit._precision import wide_dtype
from constrainit.numerics import (
    at_least,
    at_most,
    convolution_bound,
    spectral_bound,
    spectral_slack,
)
from constrainit.transforms._transform import Transform

_MOST = 1e14
_START = 0.95
# What the certificate of `Cubic` may say before and after it is drawn in; below sqrt(3).
_LARGEST, _WIDTH = 1.6, 0.05


class Cubic(Transform):
    """`bound * y (3 I - y'y) / 2` with `y = 2 t v / (3 * bound)`, near zero `t v`.

    The temperature `t` is 1, or less where the bound keeps initial weights below those of Glorot.

    A singular value `x` of `y` becomes `x (3 - x^2) / 2`: each number from 0 to 1 has one between
    0 and 1 that becomes it, and up to `sqrt(3)` none becomes more than 1. So `y` may be above 1,
    and the upper bound that says how far need not be sharp: the map reaches every member, those
    with all singular values at the bound too, while a map that divides by the upper bound could
    not. Where that bound is above what it is of matrices of norm 1, `y` is scaled to between this
    and `_WIDTH` more, with one continuous derivative. The upper bound of more than some 2000 rows
    or columns in float32 carries so much rounding that of their members on the boundary only those
    of low rank are reached.

    At a singular value of 1 the slope along it is zero; it takes no part in a step that would make
    it larger.

    Source: A. Bjorck, C. Bowie, "An iterative algorithm for computing the best estimate of an
    orthogonal matrix", 1971; C. Anil, J. Lucas, R. Grosse, "Sorting out Lipschitz function
    approximation", 2019.
    """

    def _map(self, v, dtype):
        folding, bound = self.set._folding(v.shape), self.set.bound
        y = folding.matrix(v) * (2 * _temperature(self, v.shape) / (3 * bound))
        y = _drawn_in(at_most(at_least(y, -_MOST), _MOST), dtype)
        turned, wide = ops.transpose(y), y.shape[0] < y.shape[1]
        cube = (y @ turned) @ y if wide else y @ (turned @ y)
        return folding.weight(y * (1.5 * bound) - cube * (0.5 * bound))

    def _inverse(self, w, dtype):
        u, s, v, folding = self._decomposed(w)
        # sin(3 a) = 3 sin(a) - 4 sin(a)^3 solves the cubic.
        s = 3 * self.set.bound * np.sin(np.arcsin(np.minimum(s / self.set.bound, 1.0)) / 3)
        return folding.unfolded((u * s) @ v) / _temperature(self, w.shape)

    def _inside(self, w, dtype):
        u, s, v, folding = self._decomposed(w)
        return folding.unfolded((u * np.minimum(s, _START * self.set.bound)) @ v)

    def _decomposed(self, w):
        folding = self.set._folding(w.shape)
        return *np.linalg.svd(folding.array(w), full_matrices=False), folding


def _drawn_in(y, dtype):
    """A matrix of norm below `sqrt(3)`: `y` itself wherever its norm is at most 1."""
    most = min(spectral_slack(y.shape[0], y.shape[1], wide_dtype(dtype)), _LARGEST)
    near = spectral_bound(ops.stop_gradient(y)) <= most

    def scaled():
        certificate = spectral_bound(y)
        over = at_least(certificate - most, 0.0)
        return y * ((most + _WIDTH * over / (over + _WIDTH)) / certificate)

    return choose(near, lambda: y, scaled)


class ConvBall(Transform):
    """`x / sqrt(1 + (s(x) / bound)^2)` with `convolution_bound`, which the set is made of, as `s`.

    `x` is the free value times the temperature of `Cubic`. The set itself is that of the kernels
    whose upper bound is at most `bound`, and the upper bound of the member is that of `x` over the
    same root: all members are reached, the boundary to the rounding of the dtype.

    `right_inverse` is computed where the weight is: it has no differences that float32 could lose,
    and meets the rounding of the upper bound that `forward` sees.
    """

    def _map(self, v, dtype):
        x = at_most(at_least(v * (_temperature(self, v.shape) / self.set.bound), -_MOST), _MOST)
        size = ops.reshape(convolution_bound(x), ())
        return x * (self.set.bound / ops.sqrt(1.0 + ops.square(size)))

    def right_inverse(self, w):
        """A free value that stands for a member."""
        return self._freed(w, 1.0)

    def start(self, w):
        """A free value of the part of a member that is not near the boundary."""
        return self._freed(w, _START)

    def _freed(self, w, most):
        """The free value of a member, or of the part of it whose norm is `most` of the bound."""
        w = self.set._tensor(w)
        dtype = keras.backend.standardize_dtype(w.dtype)
        largest, least = float(ml_dtypes.finfo(dtype).max), float(ml_dtypes.finfo(dtype).eps) / 4
        wide = ops.cast(w, wide_dtype(dtype))
        with exact_products():
            size = ops.reshape(convolution_bound(wide), ()) * (1 / self.set.bound)
        share = at_most(size, most)
        factor = share / ops.where(size > 0, size, ops.ones_like(size))
        factor = factor / _temperature(self, w.shape)
        v = wide * (factor / ops.sqrt(at_least((1.0 - share) * (1.0 + share), least)))
        return ops.cast(at_most(at_least(v, -largest), largest), dtype)


def _temperature(smooth, shape):
    shape = tuple(shape)
    return min(1.0, smooth.size(shape) / smooth.deviation(shape))
