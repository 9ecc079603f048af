"""The straight-through map onto a grid: rounded forward, as if it were not backward."""

import numpy as np
from keras import ops

from constrainit.numerics import with_rule
from constrainit.transforms._transform import Transform

_SEED = 0


class StraightThrough(Transform):
    """The projection, with the gradient of a map that does not round.

    The free value is a weight off the grid, in the units of the grid. The gradient passes as it
    is, but for one that would move a free value beyond the lowest or the highest point farther
    away, which is cut: what lies there can come back, and does not run away.
    """

    maskable = True
    rounds = "its members lie apart"

    def _map(self, v, dtype, where=None):
        low, high = self.set._range(dtype)

        def image(v):
            return (ops.cast(self.set._image(ops.cast(v, dtype)), v.dtype),)

        def passed(step, v, w):
            # A step of descent goes against the gradient.
            away = ops.where(step > 0, v < low, v > high)
            return ops.where(away, ops.zeros_like(step), step)

        return with_rule(image, passed, v, linear=False)

    def _inverse(self, w, dtype):
        return np.clip(w, *self.set._range(dtype))

    def _inside(self, w, dtype):
        # All over what is rounded to the same point: some reach the next one soon, and some late.
        part = np.random.default_rng(_SEED).uniform(-0.5, 0.5, size=w.shape)
        v, (low, high) = w + part * self.set.step, self.set._range(dtype)
        return np.where(v < low, 2 * low - v, np.where(v > high, 2 * high - v, v))
