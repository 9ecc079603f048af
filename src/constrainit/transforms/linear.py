"""Sets that are linear: the projection is smooth itself."""

import ml_dtypes

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform


class Linear(Transform):
    """The projection onto a linear or affine set, with its gradient.

    Args:
        set: The set.
        linear: Whether zero is in the set.
    """

    def __init__(self, set, linear=True):
        super().__init__(set)
        self.linear = linear  # pyright: ignore[reportIncompatibleVariableOverride]

    def _map(self, v, dtype):
        # Sums of larger numbers would overflow, in the arithmetic or when they are stored.
        limit = min(float(ml_dtypes.finfo(dtype).max) / 8, 1e30)
        return self.set._nearest(at_most(at_least(v, -limit), limit), dtype)

    def _inverse(self, w, dtype):
        return w
