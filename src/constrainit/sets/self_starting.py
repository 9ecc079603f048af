"""A constraint that gives a weight its start by itself."""

import random
from typing import Any

import keras
from keras import ops

from constrainit import _checks
from constrainit._precision import wide_dtype
from constrainit.sets.combine import _Applied, applied_set


class SelfStarting(_Applied):
    """Another set, whose constraint replaces a start that is far outside by a start of its own.

    The set of allowed weights, the projection and the violation are those of the inner set. As a
    constraint it does one thing more: a weight that lies so far outside that its projection would
    move it by more than `jump` of its norm is not thrown onto the boundary, it is drawn anew from
    the set's own law. Used as `kernel_constraint` of a Keras layer it acts when the layer is
    built, so that whatever the initializer gives, the layer starts inside; where a weight was made
    in another way, it acts when the constraint is first applied.

    The initializer is that of the inner set. A training step that takes a weight as far outside is
    answered in the same way as a start: choose `jump` above what a step may do. What is drawn is a
    member and stays.

    Args:
        set: The set; anything that `as_set` takes.
        jump: The largest move of the projection, as a share of the norm of the weight, that is
            still a projection. A Glorot draw moves by 0.71 onto `NonNegative`, by 0.03 onto
            `UnitNorm`.
        seed: None or an integer.

    Raises:
        ValueError: `jump` is not positive and finite, or `seed` is no integer.

    >>> import keras
    >>> import constrainit as ci
    >>> layer = keras.layers.Dense(4, kernel_constraint=ci.SelfStarting(ci.Box(0.1, 1)))
    >>> layer.build((None, 8))
    >>> ci.check(layer).ok
    True
    """

    def __init__(self, set: Any, jump: float = 0.5, seed: int | None = None):
        self.set = applied_set("SelfStarting", set)
        self.jump = _checks.positive("SelfStarting", "jump", jump)
        self.seed = _checks.seed("SelfStarting", seed)
        if isinstance(self.seed, keras.random.SeedGenerator):
            raise _checks.fail("SelfStarting", "seed", "be None or an integer", seed)
        self._seed = random.randint(1, 10**9) if seed is None else self.seed

    def __call__(self, w: Any) -> Any:
        """The projection, or a new start for a weight far outside."""
        w = self._tensor(w)
        dtype = keras.backend.standardize_dtype(w.dtype)
        image = self.set.project(w)
        wide = ops.cast(w, wide_dtype(dtype))
        # In units of the largest entry: the squares of 1e20 would overflow.
        scale = ops.maximum(ops.max(ops.abs(wide)), 1e-30)
        moved = (wide - ops.cast(image, wide.dtype)) / scale
        far = ops.norm(ops.reshape(moved, (-1,)))
        limit = self.jump * ops.norm(ops.reshape(wide / scale, (-1,)))
        return ops.cond(far > limit, lambda: self._drawn(tuple(w.shape), dtype), lambda: image)

    def _drawn(self, shape, dtype):
        from constrainit.initializers._feasible import drawn

        return drawn(self.set, shape, dtype, self._seed, None, None)

    def describe(self):
        """The inner set's line."""
        return f"{self.set.describe()}, with a start of its own"
