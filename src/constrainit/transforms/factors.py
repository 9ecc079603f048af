"""Smooth maps onto matrices as products of two factors: those of low rank, of a nuclear norm."""

import math

import ml_dtypes
import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform

_MOST = 1e14


class _Factors(Transform):
    """The free value holds two factors, the left one above the right one.

    Its shape is `(rows + columns, rank)`. The entries of both factors have one size, so that a step
    of Adam changes both by the same share, also where the matrix is tall or wide.
    """

    reshapes = True

    def free_shape(self, shape):
        rows, columns = self.set._folding(shape).size
        return rows + columns, self._rank(shape)

    def _rank(self, shape) -> int:
        """How many columns each factor has."""
        return min(self.set._folding(shape).size)

    def _values(self, s, shape):
        """Singular values, none of them zero: no step moves two factors that both are."""
        rows, columns = self.set._folding(shape).size
        least = s.mean() or self.size(shape) * math.sqrt(rows * columns / len(s))
        return np.maximum(s, 0.01 * least)

    def _decomposed(self, w):
        folding, rank = self.set._folding(w.shape), self._rank(w.shape)
        u, s, v = np.linalg.svd(folding.array(w), full_matrices=False)
        return folding, u[:, :rank], s[:rank], v[:rank]


class Factors(_Factors):
    """`left @ right' / (2 t sqrt(rank))` with `deviation` as `t`: reaches every member.

    At the size of a Glorot kernel the entries of both factors are `sqrt(2) t`, and a step of Adam
    moves a weight as far as a free one. A rank above that of any matrix of the shape is taken down
    to it; the free value holds factors then, too, so that ranks can be compared. The product has
    the rank up to the rounding of `left` and `right'`: factors far larger than their product, whose
    parts cancel, leave more of it behind.
    """

    def _rank(self, shape):
        return min(self.set.rank, super()._rank(shape))

    def _scale(self, shape):
        return 1 / (2 * self.deviation(shape) * math.sqrt(self._rank(shape)))

    def _member(self, v, dtype, shape):
        folding, scale = self.set._folding(shape), self._scale(shape)
        # Larger products would overflow, in the arithmetic or when they are stored.
        most = min(float(ml_dtypes.finfo(dtype).max), 1e30)
        limit = math.sqrt(most / (8 * scale * self._rank(shape)))
        v = at_most(at_least(v, -limit), limit)
        rows, _ = folding.size
        return folding.weight((v[:rows] * scale) @ ops.transpose(v[rows:]))

    def _inverse(self, w, dtype):
        folding, u, s, v = self._decomposed(w)
        rows, columns = folding.size
        root, side = np.sqrt(s / self._scale(w.shape)), (rows / columns) ** 0.25
        return np.concatenate([u * (root * side), v.T * (root / side)])

    def _inside(self, w, dtype):
        folding, u, s, v = self._decomposed(w)
        return folding.unfolded((u * self._values(s, w.shape)) @ v)


class FactorsInBall(_Factors):
    """`left @ right'` with both factors as one vector in the ball of radius `sqrt(2 * radius)`.

    The nuclear norm of a matrix is the least of `(||left||^2 + ||right||^2) / 2` over all of its
    factorizations: what the factors of a bounded norm give is a member, and each member has such
    factors. No norm of the product is computed. Into the ball goes `x / sqrt(1 + ||x||^2)`, in
    units of its radius, as for `MaxNorm`; the boundary is reached to the rounding of the dtype.

    `x` is the free value times a temperature, at which a step of Adam moves an initial weight by
    the share of its size by which it moves a free kernel.

    Source: M. Fazel, H. Hindi, S. Boyd, "A rank minimization heuristic with application to minimum
    order system approximation", 2001 (Lemma 1).
    """

    def _member(self, v, dtype, shape):
        folding = self.set._folding(shape)
        rows, _ = folding.size
        x = v * ops.convert_to_tensor(self._temperatures(shape), dtype=v.dtype)
        x = at_most(at_least(x, -_MOST), _MOST)
        x = x / ops.sqrt(1.0 + ops.sum(ops.square(x)))
        return folding.weight((x[:rows] * (2 * self.set.radius)) @ ops.transpose(x[rows:]))

    def _temperatures(self, shape):
        """What takes each row of the free value to units of the radius of the ball."""
        rows, columns = self.set._folding(shape).size
        radius, mean = self.set.radius, math.sqrt(rows * columns)
        glorot = self.deviation(shape) * mean * math.sqrt(min(rows, columns))
        share = min(glorot / radius, _START)
        step = self.size(shape) / self.deviation(shape)
        t = step * math.sqrt(mean / (2 * (1 - share) * share * radius))
        side = (columns / rows) ** 0.25
        sides = np.repeat([side, 1 / side], [rows, columns])
        return sides[:, None] * (t / math.sqrt(2 * radius))

    def _inverse(self, w, dtype):
        _, u, s, v = self._decomposed(w)
        root = np.sqrt(s / (2 * self.set.radius))
        least = float(ml_dtypes.finfo(dtype).eps) / 4
        x = np.concatenate([u * root, v.T * root]) / np.sqrt(
            max(1 - s.sum() / self.set.radius, least)
        )
        return x / self._temperatures(w.shape)

    def _inside(self, w, dtype):
        folding, u, s, v = self._decomposed(w)
        s = self._values(s, w.shape)
        s = s * min(1.0, _START * self.set.radius / s.sum())
        return folding.unfolded((u * s) @ v)


_START = 0.95
