"""What sets say of tensors, compiled where they can be."""

import functools
from collections.abc import Sequence
from typing import Any

from keras import ops

from constrainit._compile import at_once, compiled
from constrainit._precision import widened
from constrainit.numerics import largest


def measure(sets: Sequence[Any], weights: Sequence[Any]) -> list[tuple[float, Any]]:
    """The violation and the image of several weights, each for its set.

    One by one: what was compiled for a set and a shape serves the next weight that has both.
    """
    pairs = [run(distances, [s], [s._tensor(w)])[0] for s, w in zip(sets, weights, strict=True)]
    return [(float(violation), image) for violation, image in pairs]


def run(function, sets: Sequence[Any], tensors: Sequence[Any]) -> Any:
    """What `images` or `distances` give, by a compiled program where the sets allow it."""
    traceable = all(one.traceable for one in sets)
    return (compiled(function) if traceable else function)(tuple(sets), list(tensors))


def images(sets, tensors):
    """The projection of each tensor onto its set."""
    return [a_set._image(w) for a_set, w in zip(sets, tensors, strict=True)]


def distances(sets, tensors):
    """The violation and the image of each tensor."""
    found = images(sets, tensors)
    moves = zip(sets, tensors, found, strict=True)
    return [(outside(*move), image) for move, image in zip(moves, found, strict=True)]


def outside(a_set: Any, w, image) -> Any:
    """How far outside the furthest unit is, given the image; NaN where a weight is none."""
    wide = widened(w)
    moved = a_set._outside(w, image)
    return largest(a_set._distance(ops.where(ops.isfinite(wide), moved, wide * 0.0)))


@functools.lru_cache(maxsize=256)
def lacking(a_set: Any, shape: tuple[int, ...]) -> str:
    """What no weight of a shape seems to be, as `_lacking` tells; empty if there are members."""
    if not a_set.may_lack:
        return ""
    with at_once():
        return a_set._lacking(a_set.project(ops.zeros(shape, "float32")))
