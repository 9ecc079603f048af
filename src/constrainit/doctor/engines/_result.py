"""What the engines give: a step in parts, and what a constraint returned."""

from dataclasses import dataclass
from typing import Any

from keras import ops

WEIGHT_NUMBERS = ("gradient", "nonfinite", "lost", "moved", "size", "entered")
"""What `weigh` says of a weight: the norm of its gradient and how many entries of that are not
finite, how many entries of the updated weight are not, how far the update moves it, its norm,
and how many entries of the weight itself are not finite."""


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
