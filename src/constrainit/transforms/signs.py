"""The smooth map onto a pattern of signs."""

import numpy as np
from keras import ops

from constrainit.transforms._transform import Transform

_LEAST = 1e-30


class Signs(Transform):
    """`s * t * softplus(s * v / t)` where the sign is `s`, the identity where it is free.

    The temperature `t` is `deviation`.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        signs = self._signs(v.shape)
        t = self.deviation(v.shape)
        signed = ops.convert_to_tensor(signs, dtype=v.dtype)
        image = ops.softplus(v * (signed / t)) * (signed * t)
        if (signs != 0).all():
            return image
        return ops.where(ops.convert_to_tensor(signs == 0), v, image)

    def _signs(self, shape):
        return np.broadcast_to(self.set._array(len(shape)), shape).astype("float64")

    def _inverse(self, w, dtype):
        signs, t = self._signs(w.shape), self.deviation(w.shape)
        x = np.maximum(signs * w / t, _LEAST)
        return np.where(signs == 0, w, signs * t * (x + np.log(-np.expm1(-x))))

    def _inside(self, w, dtype):
        signs = self._signs(w.shape)
        size = np.abs(w).mean() or self.size(w.shape)
        return np.where(signs == 0, w, signs * np.maximum(signs * w, 0.01 * size))
