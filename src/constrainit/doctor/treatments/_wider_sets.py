"""Sets that hold what a constraint gives, and much that it never gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._candidates import ordered_axes

_ROUNDING = 1e-5
_LARGER = 2.0
"""Sums so many times as large as all that a constraint gives are none that it means."""


def is_wider(
    a_set: Any,
    values: Sequence[np.ndarray],
    images: Sequence[np.ndarray],
    larger: Sequence[np.ndarray] = (),
) -> bool:
    """Whether members have another sign, no order, or sums far larger than all images have.

    Args:
        a_set: The set that may be meant.
        values: Weights.
        images: What the constraint gives for them.
        larger: What it gives for larger weights: sums that grow with the weight have no bound.
    """
    members = [to_numpy(a_set.project(value.astype("float32"))) for value in values]
    if any(_of_one_sign(images, sign) > _of_one_sign(members, sign) for sign in (1, -1)):
        return True
    steps = [
        ([np.diff(one, axis=axis) for one in part])
        for axis in ordered_axes(images)
        for part in (images, members)
    ]
    for given, had in zip(steps[::2], steps[1::2], strict=True):
        if any(_of_one_sign(given, sign) > _of_one_sign(had, sign) for sign in (1, -1)):
            return True
    axes = range(images[0].ndim)
    return any(_sum(members, axis) > _LARGER * _sum((*images, *larger), axis) for axis in axes)


def _of_one_sign(arrays, sign):
    """Whether no entry has the other one, but for rounding."""
    return all((sign * one >= -_ROUNDING * np.abs(one).max(initial=0.0)).all() for one in arrays)


def _sum(arrays, axis):
    return max(np.abs(one).sum(axis=axis).max() for one in arrays)
