"""Updates of which a constraint leaves nothing, nor of their opposites."""

import math
from collections.abc import Callable

import numpy as np

from constrainit.doctor._blocks import length
from constrainit.doctor._constraint_doubts import left_of, pulls
from constrainit.doctor._evidence import ConstraintEvidence
from constrainit.doctor._statistics import numbers

_LEFT = 0.01
_ROUNDING = 1e-5
"""The shares of an update, and of a weight, that are no more than the rounding of what takes it
back."""

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
    if most == 0 or (made.undone is None and not made.across):
        return
    size = length(updated - before)
    if not math.isfinite(size):
        made.undone, made.across = None, 0
        return
    least = min(_LEFT * most, _ROUNDING * float(np.abs(before).max()))

    def wholly(value):
        return value is not None and np.abs(value - before).max() <= least

    def undone(value):
        mostly = made.custom and (made.undone == 0 or pulls(made.shrinks))
        near = value is not None and length(value - before) <= _MOSTLY * size
        return wholly(value) or (mostly and near)

    if made.undone is None:
        made.across = made.across + 1 if wholly(image) else 0
        return
    # At a bound the constraint takes back what points outward, and nothing else.
    opposite = 2 * before - updated
    if not undone(image) or (made.undone == 0 and not undone(image_of(record, opposite))):
        made.undone = None
        return
    if made.undone == 0:
        draw = np.abs(np.random.default_rng(0).normal(size=record.shape))
        made.always = wholly(image_of(record, draw * np.abs(before).max()))
        made.shrinks = left_of(image_of, record, before, size)
        if made.shrinks is None or not (wholly(image) or pulls(made.shrinks)):
            made.undone, made.across = None, int(wholly(image))
            return
    made.undone += 1
