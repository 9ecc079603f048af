"""Updates of which a constraint leaves nothing, nor of their opposites."""

import math
from collections.abc import Callable

import numpy as np
from keras import ops

from constrainit._set import ConstraintSet
from constrainit.doctor._blocks import length
from constrainit.doctor._constraint_doubts import left_of, pulls
from constrainit.doctor._evidence import ConstraintEvidence
from constrainit.doctor._statistics import numbers, to_numpy
from constrainit.model import WeightRecord, axes_in_use

ENOUGH = 3
"""From so many updates on that a constraint has taken back in a row it does so with all."""

_LEFT = 0.01
_ROUNDING = 1e-5
"""The shares of an update, and of a weight, that are no more than the rounding of what takes it
back."""

_SIZES, _IN_TURN, _CLOSE = (1.0, 100.0), 40, 1e-4
"""Of random weights, relative to the largest entry, and how often they are given back to it."""

_MOSTLY = 0.5
"""What is left of an update where a constraint pulls every weight to the same one."""


# What runs away differs by infinity, and is not undone.
@np.errstate(over="ignore", invalid="ignore")
def note_undone(
    made: ConstraintEvidence,
    image_of: Callable,
    before: np.ndarray,
    updated: np.ndarray,
    image: np.ndarray,
) -> None:
    """Counts updates of which nothing is left, nor would be of their opposites.

    Args:
        made: The evidence of the weight, which is filled in.
        image_of: What its constraint makes of a value, given its record and that.
        before: The weight before a step.
        updated: The same after the optimizer's step.
        image: What the constraint has made of that.
    """
    record = made.record
    if made.broken is None and np.isfinite(updated).all() and not np.isfinite(image).all():
        made.broken = numbers(image)
    most = float(np.abs(updated - before).max())
    if most == 0 or (made.undone is None and not made.alike):
        return
    size = length(updated - before)
    if not math.isfinite(size):
        made.undone, made.alike = None, 0
        return
    least = min(_LEFT * most, _ROUNDING * float(np.abs(before).max()))

    def wholly(value):
        return value is not None and np.abs(value - before).max() <= least

    def undone(value):
        mostly = made.custom and (made.undone == 0 or pulls(made.shrinks))
        near = value is not None and length(value - before) <= _MOSTLY * size
        return wholly(value) or (mostly and near)

    if made.undone is None:
        made.alike = made.alike + 1 if wholly(image) else 0
        return
    # At a bound the constraint takes back what points outward, and nothing else.
    opposite = 2 * before - updated
    if not undone(image) or (made.undone == 0 and not undone(image_of(record, opposite))):
        made.undone = None
        return
    if made.undone == 0:
        peak = float(np.abs(before).max()) or 1.0
        draw = peak * np.abs(np.random.default_rng(0).normal(size=record.shape))
        # Bounds may make one of all that is small, or large.
        apart = draw * np.resize(_SIZES, record.shape)
        made.always = all(wholly(image_of(record, one)) for one in (draw, apart))
        made.shrinks = left_of(image_of, record, before, size, most)
        if made.shrinks is None or not (wholly(image) or pulls(made.shrinks)):
            made.undone, made.alike = None, int(wholly(image))
            return
        made.only = made.custom and leads_to_one(image_of, record, before)
        made.compares = made.custom and compares(image_of, record, before)
        made.emptied = made.custom and not before.any() and _leaves_larger(made, image_of)
        made.always = made.always and not made.emptied
    made.undone += 1


def note_pressed(
    made: ConstraintEvidence, before: np.ndarray, updated: np.ndarray, image: np.ndarray
) -> None:
    """Counts, for each entry of a vector, the last steps that its constraint has taken back.

    Args:
        made: The evidence of the weight, which is filled in.
        before: The weight before a step.
        updated: The same after the optimizer's step.
        image: What the constraint has made of that.
    """
    if sum(size > 1 for size in np.shape(before)) > 1:
        return
    count = np.zeros(np.shape(before), int) if made.pressed is None else made.pressed
    way = np.where(image == before, np.sign(updated - before), 0)
    made.pressed = np.where(way * count >= 0, count, 0) * (way != 0) + way.astype(int)


def _leaves_larger(made, image_of):
    """Whether a constraint that makes all weights zero leaves those that are far larger."""
    peak = max(abs(made.start.minimum), abs(made.start.maximum))
    draw = np.random.default_rng(0).normal(size=made.record.shape)
    image = image_of(made.record, _SIZES[1] * peak * draw)
    return image is not None and bool(np.abs(image).max(initial=0.0) > peak > 0)


def leads_to_one(image_of: Callable, record: WeightRecord, before: np.ndarray) -> bool:
    """Whether a constraint, applied in turn, makes random weights of several sizes a given one."""
    draws = np.random.default_rng(0)
    peak = float(np.abs(before).max(initial=0.0))
    for size in _SIZES:
        value = (size * (peak or 1.0) * draws.normal(size=record.shape)).astype(before.dtype)
        image = image_of(record, value)
        # What gives nothing below zero makes zeros of it, which it may leave as they are.
        value = np.abs(value) if image is None or image.min(initial=0.0) >= 0 else value
        for _ in range(_IN_TURN):
            value = image_of(record, value)
            if value is None or np.abs(value - before).max() <= _CLOSE * peak:
                break
        else:
            return False
        if value is None:
            return False
    return True


def compares(image_of: Callable, record: WeightRecord, before: np.ndarray) -> bool:
    """Whether a constraint gives 0 or 1 for each entry by itself, as a comparison of it does."""
    draws, found = np.random.default_rng(0), []
    peak = float(np.abs(before).max(initial=0.0)) or 1.0
    for size in _SIZES:
        value = (size * peak * draws.normal(size=record.shape)).astype(before.dtype)
        other = np.where(draws.random(record.shape) < _MOSTLY, value, draws.permutation(-value))
        images = image_of(record, value), image_of(record, other.astype(before.dtype))
        if images[0] is None or images[1] is None:
            return False
        same = other == value
        if not np.array_equal(images[0][same], images[1][same]):
            return False
        found += images
    return set(np.unique(found)) == {0.0, 1.0}


def gives_signs(a_set: ConstraintSet, record: WeightRecord) -> bool:
    """Whether a set leaves of each number its sign: a norm of one for units of a single number."""
    axes = axes_in_use(record)
    alone = axes is not None and all(record.shape[axis] == 1 for axis in axes)
    if not alone or not axes or not record.variable.trainable:
        return False
    draw = np.random.default_rng(0).uniform(0.5, 1.0, record.shape)
    near, far, other = (
        to_numpy(a_set.project(ops.cast(size * draw, record.dtype))) for size in (1.0, 4.0, -1.0)
    )
    return bool(near.all()) and all(np.allclose(near, one, _LEFT) for one in (far, -other))
