"""The smooth map onto a simplex."""

import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform

_LEAST, _LARGEST = 1e-30, 1e30


class Softmax(Transform):
    """`total * softmax(v / t)` over each unit, with `deviation` as the temperature `t`.

    A step of Adam changes each weight by the share by which it changes a free kernel.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        units = self.set._units(len(v.shape))
        if not units:
            return ops.zeros_like(v) * v + self.set.total
        x = at_most(at_least(v, -_LARGEST), _LARGEST)
        if where is not None:
            x = ops.where(where, x, ops.full_like(x, -_LARGEST))
        # The largest goes first: of a product less its peak a compiler may round the two apart.
        x = x - ops.stop_gradient(ops.max(x, axis=units, keepdims=True))
        x = ops.exp(x * (1.0 / self.deviation(v.shape)))
        if where is not None:
            x = ops.where(where, x, ops.zeros_like(x))
        # At least the one of the peak, but for a unit without any entry in the mask.
        return x * (self.set.total / at_least(ops.sum(x, axis=units, keepdims=True), 0.5))

    def _inverse(self, w, dtype):
        units = self.set._units(w.ndim)
        logs = np.log(np.maximum(w / self.set.total, _LEAST))
        # Large weights have a free value near zero, which half precision stores best.
        peak = logs.max(axis=units, keepdims=True) if units else logs
        return self.deviation(w.shape) * (logs - peak)

    def _inside(self, w, dtype):
        even = self.set.total / np.prod([w.shape[a] for a in self.set._units(w.ndim)])
        return 0.9 * w + 0.1 * even
