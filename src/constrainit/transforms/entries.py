"""The smooth map onto bounds that differ from entry to entry."""

import math

import ml_dtypes
import numpy as np
from keras import ops

from constrainit._precision import numpy_dtype, wide_dtype
from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform

_LEAST = 1e-30


class Entrywise(Transform):
    """By what bounds an entry has: a sigmoid for two, softplus for one, the identity for none.

    As `Sigmoid` and `Softplus`, with a temperature for each entry; an entry between two bounds is
    taken to start no larger than the larger of them.
    """

    maskable = True

    def _parts(self, shape, dtype):
        """The bounds as stored, which of them an entry has, and its temperature."""
        low, high = (np.broadcast_to(end, shape) for end in self.set._stored_bounds(dtype))
        above, below = np.isfinite(low), np.isfinite(high)
        # Bounds so far apart that their difference is none: of them the lower one counts.
        with np.errstate(over="ignore", invalid="ignore"):
            both = above & below & (high - low < float(ml_dtypes.finfo(wide_dtype(dtype)).max))
        t = np.full(shape, self.deviation(shape))
        low_, high_ = np.where(both, low, 0.0), np.where(both, high, 0.0)
        size = np.minimum(self.size(shape), np.maximum(np.abs(low_), np.abs(high_)))
        return (
            low,
            high,
            above,
            below,
            both,
            np.where(both, t * (high_ - low_) / 4, t) / np.where(both, size, 1.0),
        )

    def _map(self, v, dtype, where=None):
        low, high, above, below, both, t = self._parts(tuple(v.shape), dtype)
        x = v * ops.convert_to_tensor(1.0 / t, dtype=v.dtype)
        image = v
        if both.any():
            width = _widths(low, high, both, dtype)
            share = ops.convert_to_tensor(np.where(both, low, 0.0), dtype=v.dtype)
            share = share + ops.convert_to_tensor(width, dtype=v.dtype) * ops.sigmoid(x)
            image = ops.where(ops.convert_to_tensor(both), share, image)
        sign = np.where(above, 1.0, -1.0)
        alone = (above | below) & ~both
        if alone.any():
            bound = np.where(alone, np.where(above, low, high), 0.0)
            x = ops.softplus(x * ops.convert_to_tensor(sign, dtype=v.dtype))
            most = float(ml_dtypes.finfo(dtype).max) / 2
            beyond = at_most(x * ops.convert_to_tensor(t, dtype=v.dtype), most)
            beyond = beyond * ops.convert_to_tensor(sign, dtype=v.dtype)
            beyond = beyond + ops.convert_to_tensor(bound, dtype=v.dtype)
            image = ops.where(ops.convert_to_tensor(alone), beyond, image)
        return at_most(at_least(image, low), high)

    def _inverse(self, w, dtype):
        low, high, above, below, both, t = self._parts(w.shape, dtype)
        low_, high_ = np.where(both, low, -1.0), np.where(both, high, 1.0)
        eps = float(np.finfo(numpy_dtype(wide_dtype(dtype))).eps)
        least = eps / 4 * (high_ - low_)
        between = np.log(np.maximum(w - low_, least)) - np.log(np.maximum(high_ - w, least))
        sign = np.where(above, 1.0, -1.0)
        bound = np.where(above, low, np.where(below, high, 0.0))
        x = np.maximum(sign * (w - bound) / t, _LEAST)
        beyond = sign * (x + np.log(-np.expm1(-x)))
        return np.where(both, t * between, np.where(above | below, t * beyond, w))

    def _inside(self, w, dtype):
        low, high, above, below, both, _ = self._parts(w.shape, dtype)
        margin = 0.05 * np.where(both, np.where(both, high, 1.0) - np.where(both, low, 0.0), 0.0)
        margin = np.where(both, margin, 0.01 * self.size(w.shape))
        low, high = (
            np.where(above, low + margin, -math.inf),
            np.where(below, high - margin, math.inf),
        )
        return np.clip(w, low, high)


def _widths(low, high, both, dtype):
    """Widths whose sum with the lower bound in the wide dtype does not step over the upper one."""
    wide = numpy_dtype(wide_dtype(dtype)).type
    low, high = np.where(both, low, 0.0).astype(wide), np.where(both, high, 1.0).astype(wide)
    width = high - low
    while (over := low + width > high).any():
        width = np.where(over, np.nextafter(width, wide(0)), width)
    return width
