"""What a loss makes of its targets: whether they are goals, and labels that it passes over."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._statistics import to_numpy

_FEW = 0.02
_GRIDS = ((-3.0, -1.0, 0.0, 1.0, 3.0), (0.1, 0.3, 0.5, 0.7, 0.9))
"""Predictions that a loss is asked of: any numbers, or shares where it is not defined for them."""


def is_own(loss: Any) -> bool:
    """Whether a loss is none of Keras', nor made of one."""
    return getattr(getattr(loss, "fn", loss), "__module__", "").split(".")[0] != "keras"


def are_goals(loss: Any, targets: Any, spec: Any, low: float, high: float) -> bool:
    """Whether a loss wants predictions to be what the targets are, where those are out of a range.

    Those of Keras do. One of the user's own may read something else from its targets, such as the
    advantage of an action, or a time and an event. It does if predictions at the targets cost less
    than the nearest ones in the range, and than those as far beyond.
    """
    if not is_own(loss):
        return True
    if not callable(loss) or not (np.isfinite(low) or np.isfinite(high)):
        return False
    goal = to_numpy(targets).astype("float64")
    if (*goal.shape, 1) == tuple(spec.shape):
        goal = goal[..., None]
    try:
        goal = np.broadcast_to(goal, spec.shape)
    except ValueError:
        return False
    nearest = np.clip(goal, low, high)
    inside = np.mean(_ends(low, high))
    guesses = [np.where(nearest == goal, inside, g) for g in (nearest, goal, 2 * goal - nearest)]
    within, at, beyond = (loss_of_guess(loss, targets, guess) for guess in guesses)
    return bool(at < within and at < beyond)


def classes_that_count(loss: Any, targets: Any, spec: Any) -> Any:
    """The labels of classes without those that a loss is told to ignore, or does not look at."""
    labels, classes = to_numpy(targets), int(spec.shape[-1])
    outside = (labels < 0) | (labels >= classes)
    ignored = getattr(loss, "ignore_class", getattr(loss, "_fn_kwargs", {}).get("ignore_class"))
    if ignored is not None:
        return labels[labels != ignored]
    fits = outside.size * classes == math.prod(spec.shape)
    if is_own(loss) and callable(loss) and outside.any() and fits:
        flat = np.full((outside.size, classes), 1 / classes)
        bent = np.where(outside.reshape(-1, 1), np.linspace(0.5, 1.5, classes) / classes, flat)
        before, after = (loss_of_guess(loss, targets, g.reshape(spec.shape)) for g in (flat, bent))
        return labels[~outside] if before == after else labels
    return labels


def passed_over(loss: Any, targets: Any, spec: Any) -> float:
    """The share of targets of zero whose predictions a loss of the user's own does not look at.

    It is 0 unless the loss of all others only falls, or only rises, with the prediction: a loss
    that is least somewhere, and leaves zeros out, may mask them. Rows of several predictions are
    left out: those of a one in a row of zeros are meant to be alone. A loss of the whole batch, as
    that of an overlap, may look at them only where others are not zero.
    """
    y = to_numpy(targets).astype("float64")
    zero = y == 0
    one_each = y.ndim == 1 or y.shape[1:] == (1,)
    if not (is_own(loss) and callable(loss) and one_each and tuple(spec.shape) == y.shape):
        return 0.0
    if not _FEW < zero.mean() < 1 - _FEW or not (y[~zero] > 0).all():
        return 0.0
    for grid in _GRIDS:
        at_zeros = [_values(loss, targets, zero, grid, other) for other in grid]
        elsewhere = _values(loss, targets, ~zero, grid, grid[2])
        if np.isfinite([*at_zeros, elsewhere]).all():
            steps = np.diff(elsewhere)
            one_way = (steps >= 0).all() or (steps <= 0).all()
            found = not np.ptp(at_zeros, axis=1).any() and one_way and np.ptp(elsewhere) > 0
            return float(zero.mean()) if found else 0.0
    return 0.0


def _values(loss, targets, where, grid, other):
    """The loss for predictions that differ in some places only, and are one number in others."""
    return [loss_of_guess(loss, targets, np.where(where, guess, other)) for guess in grid]


def loss_of_guess(loss: Any, targets: Any, predictions: Any) -> float:
    """The mean loss of predictions; NaN if it is not computed for such."""
    try:
        guess = ops.convert_to_tensor(np.asarray(predictions, "float32"))
        return float(to_numpy(ops.mean(loss(targets, guess))))
    # A loss of the user's own may want another shape or dtype.
    except Exception:
        return np.nan


def _ends(low, high):
    """The ends of a range; of one without an end what is not far from the other one."""
    return (low if np.isfinite(low) else high - 2), (high if np.isfinite(high) else low + 2)


def both_signs(values: Any) -> Any:
    """Targets with -1 in the place of 0."""
    return keras.tree.map_structure(lambda y: ops.where(y == 0, ops.cast(-1, y.dtype), y), values)
