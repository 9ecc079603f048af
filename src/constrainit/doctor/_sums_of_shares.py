"""Likelihoods of shares, as losses of the user's own, of predictions that add up to more."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._labels import is_own, loss_of_guess
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._turned import function_of, name_of

_ABOVE = 1.2
"""From which mean on the sum of predictions is not one by rounding or a little smoothing."""

_SAME = 1e-5
_LEAST = 1e-6


@dataclass(frozen=True)
class SharesEvidence:
    """A loss that only falls as predictions grow, and predictions without a sum that holds them.

    Attributes:
        name: What the loss is called.
        layer: The layer that the predictions come out of, or an empty string.
        total: What they add up to for an example, on average.
        losses: The loss as it is, and with each example's predictions divided by their sum.
    """

    name: str
    layer: str
    total: float
    losses: tuple[float, float]


def sums_of_shares(problem: Problem, evidence: Evidence) -> SharesEvidence | None:
    """A loss of the user's own that takes shares, where the predictions add up to more than one.

    It does if it does not look at predictions where targets are zero, and falls wherever the others
    grow, as minus the sum of `y * log(p)`: only their sum keeps them from growing.

    Args:
        problem: The problem, after the steps.
        evidence: What is known of it.
    """
    losses, parts = problem.losses(), keras.tree.flatten(problem.y)
    if len(losses) != 1 or len(parts) != 1 or losses[0] is None or not is_own(losses[0]):
        return None
    loss, y = losses[0], to_numpy(parts[0])
    outputs = keras.tree.flatten(problem.specs)
    if problem.given_y is None or len(outputs) != 1 or tuple(outputs[0].shape) != y.shape:
        return None
    if y.ndim < 2 or y.shape[-1] < 2 or not (y >= 0).all() or not ((y == 0).any() and y.any()):
        return None
    given = keras.tree.flatten(problem.model(problem.x, training=False))[0]
    shares = to_numpy(keras.ops.stop_gradient(given)).astype("float64")
    if not np.isfinite(shares).all() or shares.min() < 0:
        return None
    sums = shares.sum(axis=-1, keepdims=True)
    if not sums.mean() > _ABOVE or not _only_grows(loss, parts[0], shares, y == 0):
        return None
    layer = evidence.losses_of[0].layer if evidence.losses_of else ""
    divided = shares / np.maximum(sums, _LEAST)
    both = (loss_of_guess(loss, parts[0], shares), loss_of_guess(loss, parts[0], divided))
    return SharesEvidence(name_of(loss), layer, float(sums.mean()), both)


def of_shares(loss: Any) -> Any:
    """A loss that is given predictions divided by their sum for each example."""
    function = function_of(loss)

    def divided(y_true, y_pred):
        sums = keras.ops.sum(y_pred, axis=-1, keepdims=True)
        return function(y_true, y_pred / keras.ops.maximum(sums, _LEAST))

    return divided


def _only_grows(loss, y, shares, zero):
    """Whether a loss does not look at where targets are zero, and falls as the others grow."""
    shares = shares + _LEAST
    first = loss_of_guess(loss, y, shares)
    unseen = [loss_of_guess(loss, y, np.where(zero, c * shares, shares)) for c in (0.5, 2.0)]
    grown = [loss_of_guess(loss, y, np.where(zero, shares, c * shares)) for c in (2.0, 4.0, 64.0)]
    if not np.isfinite([first, *unseen, *grown]).all():
        return False
    course = np.diff([first, *grown])
    still = np.abs(np.subtract(unseen, first)).max() <= _SAME * max(abs(first), _LEAST)
    return bool(still and (course < -_SAME * max(abs(first), _LEAST)).all())
