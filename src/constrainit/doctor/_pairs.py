"""Whether a loss compares each target with the predictions of all examples."""

from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._statistics import to_numpy


def compares_all(loss: Any, targets: Any, shape: tuple[int | None, ...]) -> bool:
    """Whether a loss broadcasts targets `(batch,)` against predictions `(batch, 1)`.

    Keras brings both to one rank for a function, and leaves it to the `call` of a class.

    Args:
        loss: Called with targets and predictions.
        targets: The targets of one output.
        shape: The shape of the predictions.
    """
    column = tuple(shape) == (*targets.shape, 1)
    if len(targets.shape) != 1 or not column or targets.shape[0] < 2 or not callable(loss):
        return False
    guess = ops.cast(ops.linspace(0.2, 0.8, targets.shape[0]), "float32")[:, None]
    try:
        values = [to_numpy(loss(y, guess)) for y in (targets, targets[:, None])]
    # A loss of the user's own may want another shape.
    except Exception:
        return False
    same = values[0].shape == values[1].shape and np.allclose(*values, rtol=1e-4, equal_nan=True)
    return not same


def own_loss_compares_all(problem: Any) -> bool:
    """The same of a `compute_loss` of the model's own, which has one output."""
    model, y = problem.model, problem.y
    own = type(model).compute_loss is not keras.Model.compute_loss
    if not own or keras.tree.is_nested(y) or keras.tree.is_nested(problem.specs):
        return False

    def loss(targets, guess):
        return model.compute_loss(x=problem.x, y=targets, y_pred=guess, sample_weight=None)

    return compares_all(loss, y, tuple(problem.specs.shape))
