"""What the engines give: a step in parts, and what a constraint returned."""

import functools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from constrainit.doctor._blocks import move_of, size_of
from constrainit.doctor.engines import engine

WEIGHT_NUMBERS = ("gradient", "nonfinite", "lost", "moved", "size", "entered")
"""What `weigh` says of a weight: the norm of its gradient and how many entries of that are not
finite, how many entries of the updated weight are not, how far the update moves it, its norm,
and how many entries of the weight itself are not finite."""


_SMALL = 1e-15
"""Below this size squares are no longer told apart from zero."""

_BLOCK = 1 << 16


@dataclass
class Stepped:
    """One training step without constraints; on some backends its update waits until asked for.

    Attributes:
        loss: The loss.
        outputs: For each recorded output its statistics, as `summarize` gives them.
        signals: For each watched tensor the norm of the loss's gradient there, None where the
            loss does not depend on it.
        weights: For each trainable variable the numbers `WEIGHT_NUMBERS`; what they say of the
            update only after it.
        connected: For each trainable variable whether the backend gave it a gradient at all;
            empty where none was asked for.
        before: The trainable variables before the step.
        updated: The trainable variables after the step.
        slots: The optimizer's variables after the step, or None where they hold it already.
        others: The model's other variables after the step, or None where they hold it already.
        apply: Given this step, lets the optimizer step, where that was left to be asked for.
    """

    loss: Any
    outputs: list[Any]
    signals: list[Any]
    weights: list[Any]
    connected: list[bool]
    before: list[Any] = field(default_factory=list)
    updated: list[Any] = field(default_factory=list)
    slots: list[Any] | None = None
    others: list[Any] | None = None
    apply: Callable[["Stepped"], None] | None = None

    def update(self) -> None:
        """Lets the optimizer step, where that was left to be asked for."""
        if self.apply is not None:
            self.apply(self)


def norm_of(gradient: Any) -> Any:
    """The norm of a gradient as a float32 scalar; NaN or infinite if an entry is."""
    wide = ops.cast(gradient, "float32")
    peak = ops.max(ops.abs(wide)) if len(wide.shape) else ops.abs(wide)
    scale = ops.maximum(peak, 1e-30)
    return scale * ops.sqrt(ops.sum(ops.square(wide / scale)))


def norm_at_once(gradient: Any) -> Any:
    """As `norm_of`, outside of a compiled step: one product, where that tells everything."""
    square = engine().square(ops.cast(gradient, "float32"))
    return ops.sqrt(square) if _told(ops.convert_to_numpy(square)) else norm_of(gradient)


def weigh(value: Any, gradient: Any, updated: Any) -> np.ndarray:
    """One weight in a step as the numbers `WEIGHT_NUMBERS`, for arrays that NumPy can read."""
    value, gradient, updated = (np.asarray(one) for one in (value, gradient, updated))
    (norm, nonfinite), (size, entered) = size_of(gradient), size_of(value)
    moved, lost = move_of(value, updated)
    return np.array([norm, nonfinite, lost, moved, np.nan if entered else size, entered])


def weigh_at_once(value: Any, gradient: Any) -> np.ndarray:
    """The numbers `WEIGHT_NUMBERS` of a weight before its update, outside of a compiled step."""
    size, entered = _size(value)
    norm, lost = (0.0, 0.0) if gradient is None else _size(gradient)
    return np.array([norm, lost, 0, 0, np.nan if entered else size, entered], "float32")


def weigh_update(numbers: np.ndarray, value: Any, updated: Any) -> None:
    """Completes the numbers of a weight by what an update has made of it."""
    pairs = zip(_blocks(value), _blocks(updated), strict=True)
    squares = [engine().square(b - a) for a, b in pairs]
    square = float(ops.convert_to_numpy(functools.reduce(operator.add, squares)))
    moved, lost = np.sqrt(square), 0.0
    if not _told(square):
        wide = ops.cast(updated, "float32")
        moved = float(ops.convert_to_numpy(norm_of(wide - ops.cast(value, "float32"))))
        lost = 0.0 if np.isfinite(square) else _size(wide)[1]
    numbers[WEIGHT_NUMBERS.index("lost")] = lost
    numbers[WEIGHT_NUMBERS.index("moved")] = moved


def is_finite(value: Any) -> bool:
    """Whether all entries are finite, outside of a compiled step."""
    return _size(value)[1] == 0


def _size(value):
    """The norm of the finite entries, and how many others there are."""
    wide = ops.cast(value, "float32")
    square = float(ops.convert_to_numpy(engine().square(wide)))
    if _told(square):
        return np.sqrt(square), 0.0
    if np.isfinite(square):
        return float(ops.convert_to_numpy(norm_of(wide))), 0.0
    held = ops.isfinite(wide)
    clean = ops.where(held, wide, ops.zeros_like(wide))
    return tuple(float(ops.convert_to_numpy(found)) for found in (norm_of(clean), _lost(held)))


def _blocks(value):
    """A tensor in float32, in parts that stay in a processor's cache."""
    if math.prod(value.shape) <= _BLOCK:
        yield ops.cast(value, "float32")
        return
    flat = ops.reshape(value, (-1,))
    for at in range(0, flat.shape[0], _BLOCK):
        yield ops.cast(flat[at : at + _BLOCK], "float32")


def _told(square):
    """Whether a sum of squares says that all is finite, and no square was lost as too small."""
    return np.isfinite(square) & (square > _SMALL**2)


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
