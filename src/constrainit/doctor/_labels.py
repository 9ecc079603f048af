"""Labels that a loss of the user's own passes over."""

from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._statistics import to_numpy

_FEW = 0.02
_GRIDS = ((-3.0, -1.0, 0.0, 1.0, 3.0), (0.1, 0.3, 0.5, 0.7, 0.9))
"""Predictions that a loss is asked of: any numbers, or shares where it is not defined for them."""


def passed_over(loss: Any, targets: Any, spec: Any) -> float:
    """The share of targets of zero whose predictions a loss of the user's own does not look at.

    It is 0 unless the loss of all others only falls, or only rises, with the prediction: a loss
    that is least somewhere, and leaves zeros out, may mask them. Rows of several predictions are
    left out: those of a one in a row of zeros are meant to be alone.
    """
    y = to_numpy(targets).astype("float64")
    zero = y == 0
    own = getattr(getattr(loss, "fn", loss), "__module__", "").split(".")[0] != "keras"
    one_each = y.ndim == 1 or y.shape[1:] == (1,)
    if not (own and callable(loss) and one_each and tuple(spec.shape) == y.shape):
        return 0.0
    if not _FEW < zero.mean() < 1 - _FEW or not (y[~zero] > 0).all():
        return 0.0
    for grid in _GRIDS:
        at_zeros, elsewhere = (_values(loss, targets, where, grid) for where in (zero, ~zero))
        if np.isfinite([at_zeros, elsewhere]).all():
            steps = np.diff(elsewhere)
            one_way = (steps >= 0).all() or (steps <= 0).all()
            found = np.ptp(at_zeros) == 0 and one_way and np.ptp(elsewhere) > 0
            return float(zero.mean()) if found else 0.0
    return 0.0


def _values(loss, targets, where, grid):
    """The loss for predictions that differ in some places only."""
    try:
        guesses = [np.where(where, guess, grid[2]).astype("float32") for guess in grid]
        return [float(to_numpy(ops.mean(loss(targets, ops.convert_to_tensor(g))))) for g in guesses]
    # A loss of the user's own may want another shape or dtype.
    except Exception:
        return [np.nan] * len(grid)


def both_signs(values: Any) -> Any:
    """Targets with -1 in the place of 0."""
    return keras.tree.map_structure(lambda y: ops.where(y == 0, ops.cast(-1, y.dtype), y), values)
