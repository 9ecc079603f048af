"""Whether a gradient or a weight was not finite, found inside of a step."""

import threading
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._set import ConstraintSet
from constrainit.callbacks import _log_sums as sums
from constrainit.callbacks._fault_rate import Schedule, slowed
from constrainit.callbacks._log_hub import carried
from constrainit.callbacks._train_function import Reader

_OF_KERAS = (
    keras.constraints.MaxNorm,
    keras.constraints.MinMaxNorm,
    keras.constraints.NonNeg,
    keras.constraints.UnitNorm,
)
"""Infinity times zero is no number."""

_WIDE = 8
"""Units from which on the rows of a weight are quicker added up than looked at."""

STAGES = ("gradient", "update", "constraint")
"""What a step of an optimizer does to a weight, in this order."""


class Flags:
    """For each of `STAGES` and each weight whether a step gave something not finite.

    An `Observer` of an optimizer. It keeps one small variable in the optimizer, which is read when
    somebody asks: no step waits for it. What is not finite in a weight stays so, and is found
    there whenever one looks. So a step notes only what a constraint may hide, until the step that
    failed is searched for.

    Args:
        optimizer: A built optimizer that changes the weights itself.
        slows: Whether its schedule, if it has one, can be slowed down.

    Attributes:
        slowing: The schedule that takes the place of the optimizer's own, or None.
        looks: Whether steps note all of it.
    """

    def __init__(self, optimizer: Any, slows: bool = False):
        self.optimizer = optimizer
        self.variables = list(optimizer._trainable_variables)
        self._place = {id(v): i for i, v in enumerate(self.variables)}
        self._hidden = {id(v) for v in self.variables if _hides(v.constraint)}
        self._step = threading.local()
        self.recipe: Any = None
        self.looks = False
        shape = (len(STAGES), len(self.variables))
        self.bad = carried(optimizer, shape, "int32", "faults")
        is_schedule = isinstance(optimizer._learning_rate, Schedule)
        self.slowing = slowed(optimizer) if slows and is_schedule else None

    def reset(self) -> None:
        """A fit begins: nothing has been found."""
        self.looks = False
        self.bad.assign(ops.zeros(self.bad.shape, "int32"))
        if self.slowing is not None:
            self.slowing.set(1.0)

    @staticmethod
    def recipe_of(optimizer: Any, slows: bool = False) -> tuple[Any, ...]:
        """What a step depends on in which it looks at an optimizer."""
        pairs = ((id(v), id(v.constraint)) for v in optimizer._trainable_variables)
        rate = optimizer._learning_rate
        slowed = id(rate) if slows and isinstance(rate, Schedule) else None
        return "faults", id(optimizer), slowed, *pairs

    @property
    def carried(self) -> list[Any]:
        """The variables that a compiled step has to carry."""
        return [self.bad] if self.slowing is None else [self.bad, self.slowing.variable]

    def ahead(self, steps: int, read: Reader) -> None:
        """Nothing: whoever searches says when to look."""

    def behind(self, value_of: Any) -> None:
        """Nothing: whoever searches reads what was noted."""

    def forget(self) -> None:
        """Nothing: it counts nothing."""

    def begin(self) -> None:
        """An `apply` begins."""
        self._step.bad = None

    def start(self, gradients: Any, variables: Any) -> None:
        """The update is about to be computed."""
        if not self.looks and not self._hidden:
            return
        self._step.bad = [{}, {}, {}]
        if not self.looks:
            return
        for gradient, variable in zip(gradients, variables, strict=True):
            # Of an embedding TensorFlow has the rows only that were looked up.
            if type(gradient).__name__ == "IndexedSlices":
                gradient = gradient.values
            self._note(0, variable, gradient)

    def middle(self, variables: Any) -> None:
        """The update is done, the constraints are about to run."""
        if self._step.bad is None:
            return
        for variable in variables:
            if self.looks or id(variable) in self._hidden:
                self._note(1, variable, variable)

    def finish(self) -> None:
        """An `apply` has ended; the optimizer has counted it."""
        bad, self._step.bad = self._step.bad, None
        if bad is None:
            return
        for place in list(bad[1]) if self.looks else ():
            variable = self.variables[place]
            if variable.constraint is not None:
                self._step.bad = bad
                self._note(2, variable, variable)
        self._step.bad = None
        none = ops.convert_to_tensor(False)
        count = range(len(self.variables))
        now = ops.stack([ops.stack([of.get(i, none) for i in count]) for of in bad])
        self.bad.assign(ops.maximum(ops.cast(now, "int32"), ops.convert_to_tensor(self.bad)))

    def _note(self, stage, variable, value):
        place = self._place.get(id(variable))
        if place is not None:
            self._step.bad[stage][place] = ops.logical_not(is_finite(value))

    def found(self, value: np.ndarray) -> tuple[int, list[Any]] | None:
        """The first stage with something not finite, and the weights there, or None.

        Args:
            value: What `bad` holds.
        """
        if not value.any():
            return None
        stage = int(np.argmax(value.any(axis=1)))
        return stage, [v for v, bad in zip(self.variables, value[stage], strict=True) if bad]


def _hides(constraint):
    """Whether a constraint may make something finite of what is not."""
    if isinstance(constraint, ConstraintSet):
        kind = type(constraint)
        return (kind.__call__, kind._usable) != (ConstraintSet.__call__, ConstraintSet._usable)
    return constraint is not None and type(constraint) not in _OF_KERAS


def is_finite(value: Any) -> Any:
    """Whether every entry of a float tensor is finite, as a tensor."""
    value = ops.convert_to_tensor(value)
    if "float" not in keras.backend.standardize_dtype(value.dtype) or 0 in value.shape:
        return ops.convert_to_tensor(True)
    if keras.backend.backend() == "jax" and sums.rows(value).shape[-1] >= _WIDE:
        # A maximum of XLA passes over NaN; a sum does not: a third of the time of a look at each
        # entry, but of what is narrow, which it adds up one by one.
        return ops.isfinite(sums.total(sums.rows(value) * 0))
    if keras.backend.backend() != "torch" or keras.distribution.distribution() is not None:
        finite = ops.isfinite(value)
        return ops.all(ops.all(finite, axis=0)) if len(value.shape) > 1 else ops.all(finite)
    # What is no number is the largest, too: a fifth of the time of a look at each entry.
    return ops.isfinite(sums.largest(sums.rows(value)))
