"""A set whose constraint also takes out of the optimizer's momentum what pushes against it."""

from typing import Any

import keras
from keras import ops

from constrainit._precision import wide_dtype
from constrainit._step import momenta
from constrainit.sets.combine import _Applied, applied_set


class Braked(_Applied):
    """Another set, whose constraint also stops the optimizer's momentum where it leads outside.

    A projection moves the weight and not the momentum: that goes on pushing against the boundary,
    grows there, and keeps the weight for many steps after the gradient has turned. As a constraint
    this set projects, and removes from the momentum of each unit what points the way that the
    projection has undone: `m - max(<m, n>, 0) / <n, n> * n` with `n = w - project(w)`. A weight
    at a bound has no momentum left, a vector at the norm's limit none along itself. What is inside
    keeps its momentum, bit for bit.

    The set of allowed weights, the projection, the violation and the initializer are those of the
    inner set. It acts in the steps of Keras' optimizers: on the momentum of SGD, Adam, AdamW,
    Nadam, Adamax, Lamb, Lion, Muon and RMSprop; others have none, and a second moment stays. The
    constraint is saved with its layer, the momentum with the optimizer, as ever. It goes around
    other sets, `Braked(Every(set, 2))`: inside of one, or in a `Joint`, it would not be known whose
    momentum is meant.

    Args:
        set: The set; anything that `as_set` takes.

    Raises:
        ValueError: `set` is `Braked` itself.

    >>> import keras
    >>> import constrainit as ci
    >>> for a_set in (ci.NonNegative(), ci.Braked(ci.NonNegative())):
    ...     w = keras.Variable([0.5])
    ...     w.constraint = a_set
    ...     sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    ...     for gradient in (1, 1, 1, 1, -1, -1):
    ...         sgd.apply([keras.ops.convert_to_tensor([float(gradient)])], [w])
    ...     print(keras.ops.convert_to_numpy(w))
    [0.]
    [0.29]
    """

    outermost = True

    def __init__(self, set: Any):
        self.set = applied_set("Braked", set)

    def __call__(self, w: Any) -> Any:
        """The inner constraint; in an optimizer's step the momentum of `w` is changed as well."""
        value = self._tensor(w)
        image = self.set(value)
        for momentum, sign in momenta(w):
            momentum.assign(self._stopped(momentum, sign, value, image))
        return image

    def _stopped(self, momentum, sign, value, image):
        dtype = wide_dtype(keras.backend.standardize_dtype(value.dtype))
        speed = sign * ops.cast(ops.convert_to_tensor(momentum), dtype)
        # In units of the largest entry of a unit: squares of small moves would vanish.
        undone = ops.cast(value, dtype) - ops.cast(image, dtype)
        units = self._units(len(value.shape))
        size = ops.max(ops.abs(undone), axis=units, keepdims=True) if units else ops.abs(undone)
        normal = undone / ops.where(size > 0, size, 1.0)
        along = _sum(speed * normal, units) / ops.maximum(_sum(normal * normal, units), 1.0)
        slower = sign * (speed - ops.maximum(along, 0.0) * normal)
        kept = ops.convert_to_tensor(momentum)
        return ops.where(along > 0, ops.cast(slower, kept.dtype), kept)

    def describe(self):
        """The inner set's line, and what else is done."""
        return f"{self.set.describe()}, without momentum against it"


def _sum(x, units):
    return ops.sum(x, axis=units, keepdims=True) if units else x
