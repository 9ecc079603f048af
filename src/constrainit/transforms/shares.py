"""The smooth map onto a simplex."""

import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform

_LEAST = 1e-30


class Softmax(Transform):
    """`total * softmax(v / t)` over each unit, with `deviation` as the temperature `t`.

    A step of Adam changes each weight by the share by which it changes a free kernel.
    """

    def _map(self, v, dtype):
        units = self.set._units(len(v.shape))
        if not units:
            return ops.zeros_like(v) * v + self.set.total
        x = at_most(at_least(v, -1e30), 1e30)
        # The largest goes first: of a product less its peak a compiler may round the two apart.
        x = x - ops.stop_gradient(ops.max(x, axis=units, keepdims=True))
        x = ops.exp(x * (1.0 / self.deviation(v.shape)))
        return x * (self.set.total / ops.sum(x, axis=units, keepdims=True))

    def _inverse(self, w, dtype):
        units = self.set._units(w.ndim)
        logs = np.log(np.maximum(w / self.set.total, _LEAST))
        # Large weights have a free value near zero, which half precision stores best.
        peak = logs.max(axis=units, keepdims=True) if units else logs
        return self.deviation(w.shape) * (logs - peak)

    def _inside(self, w, dtype):
        even = self.set.total / np.prod([w.shape[a] for a in self.set._units(w.ndim)])
        return 0.9 * w + 0.1 * even
