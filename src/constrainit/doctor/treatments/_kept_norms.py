"""The one norm that a constraint leaves alone, though it throws all others beyond it."""

import numpy as np

from constrainit._set import ConstraintSet
from constrainit.doctor._constraint_calls import called
from constrainit.doctor.treatments._candidates import NEAR, axes_of, shortest
from constrainit.model import WeightRecord
from constrainit.sets import NormRange, UnitNorm

_FAR = 1e3
_HALVINGS = 40
_DRAWS = 3
_ROUND = 1e-3


def kept_norm(record: WeightRecord, start: np.ndarray) -> ConstraintSet | None:
    """The norm of each unit that a constraint leaves alone, as a set; None if there is no such one.

    A unit divided by its squared norm n goes to 1 / n, and back to n at the next call. Of units of
    the norm 1 nothing changes: that is what is meant.

    Args:
        record: The weight.
        start: Its value.
    """
    for axis in axes_of(record):
        draws = np.random.default_rng(3)
        norms = [_of_draw(record, draws.normal(size=start.shape), axis) for _ in range(_DRAWS)]
        if any(norm is None for norm in norms):
            continue
        found = np.array(norms, "float64")
        if np.ptp(found) <= NEAR * found.max():
            norm = shortest(float(np.median(found)), _ROUND)
            return UnitNorm(axis=axis) if norm == 1 else NormRange(norm, norm, axis=axis)
    return None


def _of_draw(record, draw, axis):
    """The norm along some axes at which units of a draw are left alone, which others are not."""
    unit = draw / _norms(draw, axis)

    def factor(norm):
        """By how much units of a norm are scaled, all alike; None if that is not all."""
        image = called(record, norm * unit)
        if image is None or image.shape != unit.shape:
            return None
        scale = _norms(image, axis) / norm
        alike = np.ptp(scale) <= NEAR * scale.max() and scale.max() > 0
        same = np.abs(image - norm * scale * unit).max() <= NEAR * np.abs(image).max()
        return float(scale.mean()) if alike and same else None

    low, high = 1 / _FAR, _FAR
    least, most = factor(low), factor(high)
    if least is None or most is None:
        return None
    # Nothing is thrown beyond where it is to be: other rules tell of that.
    if not (least * low > high / 10 and most * high < 10 * low):
        return None
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        scale = factor(middle)
        if scale is None:
            return None
        low, high = (middle, high) if scale > 1 else (low, middle)
    return high


def _norms(value, axis):
    return np.sqrt(np.sum(np.square(value), axis=tuple(axis), keepdims=True))
