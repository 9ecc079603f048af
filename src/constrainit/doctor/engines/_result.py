"""What the engines give: a step in parts, and what a constraint returned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

WEIGHT_NUMBERS = ("gradient", "nonfinite", "lost", "moved", "size", "entered")
"""What `weigh` says of a weight: the norm of its gradient and how many entries of that are not
finite, how many entries of the updated weight are not, how far the update moves it, its norm,
and how many entries of the weight itself are not finite."""


_SMALL = 1e-15
"""Below this size squares are no longer told apart from zero."""


@dataclass
class Stepped:
    """One training step without constraints.

    Attributes:
        loss: The loss.
        outputs: For each recorded output its statistics, as `summarize` gives them.
        signals: For each watched tensor the norm of the loss's gradient there, None where the
            loss does not depend on it.
        weights: For each trainable variable the numbers that `weigh` gives.
        connected: For each trainable variable whether the backend gave it a gradient at all.
        updated: The trainable variables after the step.
        slots: The optimizer's variables after the step.
        others: The model's other variables after the step, or None where they hold it already.
    """

    loss: Any
    outputs: list[Any]
    signals: list[Any]
    weights: list[Any]
    connected: list[bool]
    updated: list[Any]
    slots: list[Any]
    others: list[Any] | None


def norm_of(gradient: Any) -> Any:
    """The norm of a gradient as a float32 scalar; NaN or infinite if an entry is."""
    wide = ops.cast(gradient, "float32")
    peak = ops.max(ops.abs(wide)) if len(wide.shape) else ops.abs(wide)
    scale = ops.maximum(peak, 1e-30)
    return scale * ops.sqrt(ops.sum(ops.square(wide / scale)))


def norm_at_once(gradient: Any) -> Any:
    """As `norm_of`, outside of a compiled step: one product, where that tells everything."""
    square = _square(ops.cast(gradient, "float32"))
    return ops.sqrt(square) if _told(ops.convert_to_numpy(square)) else norm_of(gradient)


def weigh(value: Any, gradient: Any, updated: Any) -> Any:
    """One weight in a step as one tensor of the numbers `WEIGHT_NUMBERS`."""
    value, updated = ops.cast(value, "float32"), ops.cast(updated, "float32")
    gradient = ops.zeros_like(value) if gradient is None else ops.cast(gradient, "float32")
    held = ops.isfinite(gradient)
    return ops.stack(
        [
            norm_of(ops.where(held, gradient, ops.zeros_like(gradient))),
            _lost(held),
            _lost(ops.isfinite(updated)),
            norm_of(updated - value),
            norm_of(value),
            _lost(ops.isfinite(value)),
        ]
    )


def weigh_at_once(value: Any, gradient: Any, updated: Any) -> Any:
    """As `weigh`, outside of a compiled step: three products, where they tell everything."""
    wide = ops.cast(value, "float32")
    parts = [ops.cast(updated, "float32") - wide, wide]
    parts += [] if gradient is None else [ops.cast(gradient, "float32")]
    squares = ops.convert_to_numpy(ops.stack([_square(part) for part in parts]))
    if not _told(squares).all():
        return weigh(value, gradient, updated)
    moved, size, norm = (*np.sqrt(squares), np.float32(0))[:3]
    return np.array([norm, 0, 0, moved, size, 0], "float32")


def _square(wide):
    flat = ops.reshape(wide, (-1,))
    return ops.dot(flat, flat)


def _told(squares):
    """Whether sums of squares say that all is finite, and no square was lost as too small."""
    return np.isfinite(squares) & (squares > _SMALL**2)


def _lost(finite):
    return ops.sum(1.0 - ops.cast(finite, "float32"))


def as_tensor(result: Any) -> Any:
    """`result` as Keras would assign it.

    Raises:
        TypeError: It is None: a constraint without `return`.
    """
    if result is None:
        raise TypeError("it returns None")
    return ops.convert_to_tensor(result)
