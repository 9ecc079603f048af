"""Smooth maps onto Cholesky factors, of covariances and of correlations."""

import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most, softplus
from constrainit.transforms._transform import Transform, with_value

_LEAST = 1e-30


class LiftedDiagonal(Transform):
    """`minimum + t * softplus(v / t)` on the diagonal, the identity below it.

    The temperature `t` is `deviation`. What is above the diagonal has no effect.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        lifted = softplus(v, self.deviation(v.shape)) + self.set._least(dtype)
        image = ops.where(self.set._diagonal(v.shape), lifted, v)
        kept = ops.convert_to_tensor(self.set._support(v.shape[-2:]))
        return ops.where(kept, image, ops.zeros_like(v))

    def _inverse(self, w, dtype):
        t = self.deviation(w.shape)
        lifted = _unbent((w - self.set._least(dtype)) / t) * t
        return np.where(self.set._at_diagonal(w.shape), lifted, w)

    def _inside(self, w, dtype):
        least, diagonal = self.set._least(dtype), self.set._at_diagonal(w.shape)
        distance = np.maximum(w - least, 0.0)
        usual = distance[..., diagonal].mean() or self.size(w.shape)
        return np.where(diagonal, least + np.maximum(distance, 0.01 * usual), w)


class Caps(Transform):
    """Each row divided by its norm, with a diagonal `d` that goes on from the minimum.

    The row is `u`, the free row with `t * softplus(v / t)` on the diagonal, over its norm. Its
    diagonal entry becomes `d = m + (1 - m) u` for the minimum `m`, and the others are scaled by
    `sqrt((1 - m) (1 + d) / (1 + u))`, which makes the norm one again. The temperature `t` is
    `deviation`.
    """

    def _map(self, v, dtype):
        least, diagonal = self.set._least(dtype), self.set._diagonal(v.shape)
        one = ops.cast(diagonal, v.dtype)
        kept = ops.convert_to_tensor(self.set._support(v.shape[-2:]))
        v = at_most(at_least(v, -1e14), 1e14)
        row = ops.where(diagonal, softplus(v, self.deviation(v.shape)), v)
        row = ops.where(kept, row, ops.zeros_like(v))
        square = ops.sum(ops.square(row), axis=-1, keepdims=True)
        some = square > 1e-28
        norm = ops.sqrt(ops.where(some, square, ops.ones_like(square)))
        unit = row / norm
        if dtype == "float16":
            # The slope is one over the norm: float16 could not hold it.
            unit = with_value(row / at_least(norm, 1e-2), unit)
        u = ops.sum(unit * one, axis=-1, keepdims=True)
        raised = least + (1.0 - least) * u
        rest = unit * ops.sqrt((1.0 - least) * (1.0 + raised) / (1.0 + u))
        image = ops.where(diagonal, raised, rest)
        first = ops.convert_to_tensor(np.arange(v.shape[-1])[:, None] == 0)
        alone = ops.logical_or(first, ops.logical_not(some))
        return ops.where(alone, one, image)

    def _inverse(self, w, dtype):
        least, diagonal = self.set._least(dtype), self.set._at_diagonal(w.shape)
        t = self.deviation(w.shape)
        d = np.sum(w * diagonal, axis=-1, keepdims=True)
        u = np.clip((d - least) / (1 - least), 0.0, 1.0)
        rest = w / np.sqrt((1 - least) * (1 + d) / (1 + u))
        return np.where(diagonal, _unbent(u / t) * t, rest)

    def _inside(self, w, dtype):
        diagonal = self.set._at_diagonal(w.shape)
        d = np.sum(w * diagonal, axis=-1, keepdims=True)
        raised = np.maximum(d, self.set._least(dtype) + 0.01 * (1 - self.set._least(dtype)))
        left = np.sqrt(np.maximum(1 - raised**2, 0.0) / np.maximum(1 - d**2, _LEAST))
        return np.where(diagonal, raised, w * left)


def _unbent(x):
    """What softplus takes to `x`."""
    x = np.maximum(x, _LEAST)
    return x + np.log(-np.expm1(-x))
