"""Constraints of the user's own, called where a first call leaves a doubt: again, later, further.

`image(record, value)` is what a constraint makes of a value, None if that is not finite.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._blocks import distance, length
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._statistics import to_numpy

_CALLS = 6
_GROWTH = 10.0
"""What comes nearer to its set does not become so many times as large."""

_LITTLE = 0.01
_PULLED = 0.5
_FAR, _ZEROS = 100.0, 0.3
NOTICEABLE = 1e-3
"""More than rounding, and than the epsilon of constraints as Keras' own have."""


def in_turn(image: Callable, record: Any, start: np.ndarray) -> list[float]:
    """The norms of a weight and of its images in turn; infinite, and the last, where one is."""
    norms, value = [float(np.linalg.norm(start.astype("float64")))], start
    for _ in range(_CALLS):
        found = image(record, value)
        if found is None:
            return [*norms, float("inf")]
        value = found
        norms.append(float(np.linalg.norm(value.astype("float64"))))
    return norms


def grows(norms: list[float]) -> bool:
    """Whether norms grow at each call until they are not finite."""
    return len(norms) > 2 and np.isinf(norms[-1]) and norms[-2] > _GROWTH * norms[0]


def fades(norms: list[float]) -> bool:
    """Whether norms fall at each call, by hardly less at the last than at the first.

    What comes nearer to a set falls by less and less.
    """
    lost = -np.diff(norms)
    return bool(np.isfinite(norms).all() and (lost > 0).all() and lost[-1] > lost[0] / 2)


def moved_again(image: Callable, record: Any, value: np.ndarray) -> float:
    """How far a constraint moves its image of a weight, relative to the image; 0 if not finite."""
    first = image(record, value)
    second = None if first is None else image(record, first)
    found = 0.0 if first is None or second is None else distance(second, first)
    return found if np.isfinite(found) else 0.0


def moved_by(image: Callable, record: Any, value: np.ndarray, projected: bool) -> float:
    """By how much a constraint moves the entries of a value, or of its image of it, at most.

    A constraint that keeps an image of its own to a thousandth of its norm does not move it.
    """
    value = image(record, value) if projected else value
    found = None if value is None else image(record, value)
    if value is None or found is None or not distance(found, value) > NOTICEABLE:
        return 0.0
    return float(np.max(np.abs(found.astype("float64") - value)))


def left_of(
    image: Callable, record: Any, before: np.ndarray, size: float, most: float
) -> float | None:
    """What a constraint leaves of a random movement, relative to it: little if it rounds or pulls.

    The movement is no longer than `size`, and moves no entry by more than `most`. None where it
    leaves the movement alone once it has made it, as a set does of which the updates were merely at
    a right angle to it.
    """
    draw = np.random.default_rng(0).normal(size=before.shape)
    draw *= min(size / np.linalg.norm(draw), most / np.abs(draw).max())
    size = length(draw)
    first = image(record, (before + draw).astype(before.dtype))
    second = None if first is None else image(record, first)
    if first is None or second is None:
        return None
    left, moved = length(first - before), length(second - first)
    return left / size if left <= _LITTLE * size or moved > _PULLED * left else None


def is_idle(record: Any) -> bool:
    """Whether a constraint gives back any weight as it is, be its entries large, small or zero."""
    draws = np.random.default_rng(0)
    for size in (1.0, _FAR, -_FAR):
        value = size * draws.normal(size=record.shape) * (draws.random(record.shape) > _ZEROS)
        value = value.astype("float32")
        found = called(record, value)
        if found is None or not np.array_equal(found, to_numpy(ops.cast(value, record.dtype))):
            return False
    return True


def as_drawn(record: Any, size: float) -> Any:
    """A random value for a weight, so many times as large as its largest entry, or one if zero."""
    draw = np.random.default_rng(0).normal(size=record.shape)
    largest = float(np.abs(to_numpy(record.variable)).max(initial=0.0))
    return ops.cast(size * (largest or 1.0) * draw, record.dtype)


def is_same(value: Any, image: Any) -> bool:
    """Whether a constraint gives back a value, but for an epsilon; not where it raises."""
    whole = not isinstance(image, Exception) and image.shape == value.shape
    return whole and np.allclose(to_numpy(image), to_numpy(value), rtol=_LITTLE, atol=0.0)


def pulls(shrinks: float | None) -> bool:
    """Whether what is left of a movement is that of a pull: of rounding nothing is left."""
    return shrinks is not None and shrinks > NOTICEABLE
