"""How far a weight is outside of several sets."""

from typing import Any

import numpy as np
from keras import ops

from constrainit._precision import widened


def furthest_set(sets: list[Any], w: Any) -> tuple[str, float]:
    """The set that a weight is furthest outside of, in one line, and by how much."""
    apart = {one.describe(): float(one.violation(w)) for one in sets}
    return max(apart.items(), key=lambda pair: pair[1])


def random_pair(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """A random weight and its opposite."""
    drawn = np.random.default_rng(0).normal(size=shape).astype("float32")
    return drawn, -drawn


def peak_of(w: Any) -> float:
    """The magnitude of its largest entry."""
    return float(ops.max(ops.abs(widened(ops.convert_to_tensor(w)))))
