"""Smooth maps onto a simplex and onto matrices whose rows and columns have given sums."""

import numpy as np
from keras import ops

from constrainit._precision import dtype_of
from constrainit.numerics import (
    at_least,
    at_most,
    axis_sum,
    exponential,
    may_write_over,
    with_rule,
)
from constrainit.transforms._transform import Transform

_LEAST, _LARGEST = 1e-30, 1e30
_ROUNDS = 8
_ROUNDING = 1e-6


class Softmax(Transform):
    """`total * softmax(v / t)` over each unit, with `deviation` as the temperature `t`.

    A step of Adam changes each weight by the share by which it changes a free kernel.
    """

    maskable = True

    def _map(self, v, dtype, where=None):
        units = self.set._units(len(v.shape))
        if not units:
            return ops.zeros_like(v) * v + self.set.total
        total, warmth = self.set.total, 1.0 / self.deviation(v.shape)
        lowest = float(np.finfo(dtype_of(v)).min)

        def image(v):
            # What is below all that can be stored has no share.
            x = v if where is None else ops.where(where, v, ops.full_like(v, -np.inf))
            peak = at_least(ops.max(x, axis=units, keepdims=True), lowest)
            # The largest goes first: of a product less its peak a compiler may round the two apart.
            x = exponential(x - peak, warmth)
            # At least the one of the peak, but for a unit without any entry in the mask.
            x *= total / at_least(axis_sum(x, units), 0.5)
            return (x,)

        def slope(step, v, w):
            moved = step * w
            mean = ops.sum(moved, axis=units, keepdims=True) * (1 / total)
            if may_write_over():
                return moved.addcmul_(w, mean, value=-1).mul_(warmth)
            return (step - mean) * w * warmth

        return with_rule(image, slope, v)

    def _inverse(self, w, dtype):
        units = self.set._units(w.ndim)
        logs = np.log(np.maximum(w / self.set.total, _LEAST))
        # Large weights have a free value near zero, which half precision stores best.
        peak = logs.max(axis=units, keepdims=True) if units else logs
        return self.deviation(w.shape) * (logs - peak)

    def _inside(self, w, dtype):
        even = self.set.total / np.prod([w.shape[a] for a in self.set._units(w.ndim)])
        return 0.9 * w + 0.1 * even


class Sinkhorn(Transform):
    """`exp(v / t)` with rows and columns scaled in turns to their sums, eight times over.

    What is then left to reach the sum of every row and column is added as a product of both
    (Altschuler, Weed and Rigollet), so that the result is a member however slowly the scaling
    converges. The temperature `t` is `deviation`.

    Source: J. Altschuler, J. Weed, P. Rigollet, "Near-linear time approximation algorithms for
    optimal transport via Sinkhorn iteration", 2017, https://arxiv.org/abs/1705.09634.
    """

    def _map(self, v, dtype):
        rows, columns, total, unit = self.set._sums(v.shape)
        # Bounds between: of a product less its peak a compiler may round the two apart.
        logs = v * (1.0 / self.deviation(v.shape))
        logs = at_most(at_least(logs, -_LARGEST), _LARGEST)
        for _ in range(_ROUNDS):
            logs = _scaled(_scaled(logs, columns, -2), rows, -1)
        rows, columns = (
            one if isinstance(one, float) else ops.convert_to_tensor(one, dtype=v.dtype)
            for one in (rows, columns)
        )
        w = _softmax(logs, -2) * columns
        w = w * at_most(rows / at_least(ops.sum(w, axis=-1, keepdims=True), _LEAST), 1.0)
        row = at_least(rows - ops.sum(w, axis=-1, keepdims=True), 0.0)
        column = at_least(columns - ops.sum(w, axis=-2, keepdims=True), 0.0)
        left = ops.sum(row, axis=-2, keepdims=True)
        # What rounding left is added without a slope: rows may lack nothing where columns do.
        some = left > _ROUNDING * total
        added = row * (column / ops.where(some, left, 1.0))
        rounded = ops.stop_gradient(row * (column / at_least(left, _LEAST)))
        return (w + ops.where(some, added, rounded)) * unit

    def _inverse(self, w, dtype):
        return self.deviation(w.shape) * np.log(np.maximum(w / self.set._sums(w.shape)[3], _LEAST))

    def _inside(self, w, dtype):
        rows, columns, total, unit = self.set._sums(w.shape)
        return 0.9 * w + 0.1 * unit * rows * columns / total


def _softmax(logs, axis):
    """Shares along an axis; Keras warns of its own where the axis has a single entry."""
    shares = ops.exp(logs - ops.stop_gradient(ops.max(logs, axis=axis, keepdims=True)))
    return shares / ops.sum(shares, axis=axis, keepdims=True)


def _scaled(logs, sums, axis):
    """The logarithms of weights scaled to given sums along an axis."""
    logs = ops.log_softmax(logs, axis=axis)
    if isinstance(sums, float):
        return logs
    return logs + ops.convert_to_tensor(np.log(sums), dtype=logs.dtype)
