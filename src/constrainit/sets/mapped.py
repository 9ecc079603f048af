"""A set with another smooth map than its own."""

from typing import Any

from constrainit import _checks
from constrainit.sets.combine import _Applied, inner_set


class Mapped(_Applied):
    """Another set, seen through a smooth map that is chosen by name.

    The set of allowed weights, the projection, the violation and the initializer are those of the
    inner set; its `transform` is the map of this name. Goes wherever a set does:
    `Reparametrized(layer, kernel=Mapped(Positive(), "exp"))`, a pattern of `reparametrize`, inside
    of `Blocks` and `Masked`.

    - One bound (`NonNegative`, `Positive`, `Box`): `"softplus"`, which is `bound + t softplus(v/t)`
      and far from the bound moves the weight as a free one, or `"exp"`, `bound + s exp(v/t)`, where
      a step changes every distance from the bound by the same share.
    - Two bounds (`Box`, `MaxAbs`): `"sigmoid"`, `lower + (upper - lower) sigmoid(v/t)`, or
      `"tanh"`, the same function computed from the middle, so that small weights between `-b` and
      `b` keep their digits.

    The first of each is what the set takes by itself. The exponential is one up to 1100 times the
    typical distance and goes on straight from there; in half precision, which stores its logarithm,
    a distance of `x` times the typical one is rounded about `log(x)` times as much.

    Args:
        set: A set with several maps; anything that `as_set` takes.
        map: The name of the map.

    Raises:
        ValueError: The set has no map of this name.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> a_set = ci.Mapped(ci.Box(-1.0, 1.0), "tanh")
    >>> print(np.asarray(a_set.transform.forward(np.float32([-1e30, 0.0, 1e30]))))
    [-1.  0.  1.]
    """

    maskable = True

    def __init__(self, set: Any, map: str):
        self.set = inner_set("Mapped", "set", set)
        maps = self.set._maps()
        if not maps:
            raise _checks.fail(
                "Mapped", "set", "have several smooth maps: be bounds, one pair for all entries",
                set, "Of every other set write the set itself.",
            )  # fmt: skip
        self.map = _checks.choice("Mapped", "map", map, list(maps), whose=f" for {self.set!r}")

    def _image(self, w):
        return self.set._image(w)

    def _image_into(self, w):
        return self.set._image_into(w)

    def _transform(self):
        return self.set._maps()[self.map](self.set)

    def describe(self):
        """The inner set's line, and the map."""
        return f"{self.set.describe()}, by {self.map}"
