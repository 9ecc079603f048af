"""Sets that are linear: the projection is smooth itself, or there is none to do."""

import ml_dtypes

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform


class Linear(Transform):
    """The projection onto a linear or affine set, with its gradient.

    Args:
        set: The set.
        linear: Whether zero is in the set.
        reach: How many times as large as the largest free value a weight may become.
    """

    def __init__(self, set, linear=True, reach=1.0):
        super().__init__(set)
        self.maskable = set.maskable
        self.reach = reach
        self.linear = linear  # pyright: ignore[reportIncompatibleVariableOverride]

    def _map(self, v, dtype, where=None):
        # Sums of larger numbers would overflow, in the arithmetic or when they are stored.
        limit = min(float(ml_dtypes.finfo(dtype).max) / 8, 1e30) / self.reach
        return self.set._nearest(at_most(at_least(v, -limit), limit), dtype, where)

    def _inverse(self, w, dtype):
        return w


class Identity(Transform):
    """The weight itself, where every weight is a member."""

    linear = True

    def _map(self, v, dtype):
        return v

    def _inverse(self, w, dtype):
        return w
