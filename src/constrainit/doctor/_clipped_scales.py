"""Weights of normalizations that a step of the model's own clips after the optimizer is done."""

from typing import Any

import keras
import numpy as np

from constrainit.doctor._statistics import to_numpy

STATISTICS = ("moving_mean", "moving_variance")
_SCALES = ("gamma", "scale")
_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
)


class Left:
    """What an optimizer leaves of the scales and the statistics of a model's normalizations.

    Args:
        model: The model.
    """

    def __init__(self, model: keras.Model):
        layers = [one for one in model._flatten_layers() if isinstance(one, _NORMALIZATIONS)]
        known = (*_SCALES, *STATISTICS)
        self._variables = [v for layer in layers for v in layer.variables if v.name in known]
        self._values: list[tuple[Any, np.ndarray]] = []

    def note(self) -> None:
        """Notes them as they are, once an optimizer is done."""
        self._values = []
        for variable in self._variables:
            try:
                self._values.append((variable, np.array(to_numpy(variable))))
            # In a step that compiles itself there are no numbers yet.
            except Exception:
                self._values = []
                return

    def put_back(self) -> None:
        """Undoes what came after that."""
        for variable, value in self._values:
            variable.assign(value)

    def clipped(self) -> dict[int, float]:
        """The bound of those that were clipped after that, by the id of the variable."""
        pairs = [(variable, value, to_numpy(variable)) for variable, value in self._values]
        return {id(v): bound for v, was, now in pairs if (bound := _bound(was, now))}


def _bound(was, now):
    """The number between which and its negative a value was clipped; 0 if it was not."""
    bound = np.abs(now).max(initial=0.0)
    beyond = np.abs(was) > bound
    return (
        float(bound) if beyond.any() and np.array_equal(np.clip(was, -bound, bound), now) else 0.0
    )
