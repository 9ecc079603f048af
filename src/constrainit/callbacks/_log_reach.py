"""How a callback reaches the rows that the steps of its model's optimizers leave, during a fit."""

import functools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._seen import trained_of
from constrainit.callbacks._log_adapted import Adapted
from constrainit.callbacks._log_hub import attach, detach, inner_optimizers, observer_of
from constrainit.callbacks._log_tap import EagerTap, RingTap, Tap
from constrainit.callbacks._log_tap_jax import HandingTap
from constrainit.callbacks._log_watch import Watch
from constrainit.callbacks._train_function import on_host

_ROWS, _NUMBERS = 50, 2**16
"""How many steps and numbers wait at most on the device until they are read."""

Rows = list[tuple[int, np.ndarray]]
"""Steps, and their rows."""


class Reach(keras.callbacks.Callback):
    """A callback with a `Tap` in each optimizer of its model; an abstract class.

    While a step of JAX runs, the variables of the model have no values: they are then read from
    the state that the step was given.
    """

    def __init__(self):
        super().__init__()
        self._taps: list[tuple[Tap, Watch]] = []
        self._trained: set[int] = set()

    def _attach(self, watch: Watch, every: int) -> None:
        """Puts a tap into each optimizer that trains a weight that is watched."""
        for inner in inner_optimizers(self.model.optimizer):
            part = watch.of(inner)
            if part.watched:
                kind, given = self._kind_of_tap(inner, part, every)
                tap = observer_of(
                    self.model,
                    (
                        "log",
                        id(inner),
                        inner.gradient_accumulation_steps,
                        every,
                        *given,
                        part.recipe,
                    ),
                    functools.partial(kind, inner, part, every, *given),
                )
                attach(tap, inner, self.model)
                self._taps.append((tap, part))
        self._trained = {key for _, part in self._taps for key in part.trained}

    def _kind_of_tap(self, inner, part, every):
        """The tap of the backend, and what it is to be told beside the usual."""
        if keras.backend.backend() != "tensorflow":
            return (HandingTap if keras.backend.backend() == "jax" else EagerTap), ()
        spread = getattr(self.model, "steps_per_execution", 1) or 1
        most = math.ceil(spread / (every * (inner.gradient_accumulation_steps or 1))) + 1
        return RingTap, (max(most, min(_ROWS, _NUMBERS // part.width)), most)

    def _detach(self) -> None:
        """Lets go of the optimizers."""
        for tap, _ in self._taps:
            detach(tap, tap.optimizer, self.model)
            tap.release()
        self._taps = []

    @property
    def _waits(self) -> bool:
        """Whether there may be rows to be read."""
        return any(tap.waits for tap, _ in self._taps)

    def _found(self) -> tuple[int | None, list[tuple[Rows, Watch]]]:
        """The step to which training was set back, or None; new rows, and of what they are."""
        found = [(*tap.read(self._value), part) for tap, part in self._taps]
        undone = [back for back, *_ in found if back is not None]
        return min(undone, default=None), [(rows, part) for _, rows, part in found]

    def _optimizer(self) -> Any:
        return inner_optimizers(self.model.optimizer)[0]

    def _why_no_step(self) -> str:
        """What kept the optimizer from a step, as far as it can be told."""
        own = self.model.optimizer
        if isinstance(own, keras.optimizers.LossScaleOptimizer):
            scale, begun = float(on_host(own.dynamic_scale)), own.initial_scale
            if scale < begun:
                return (
                    f"Each was skipped, as gradients were not finite in float16: the scale of the "
                    f"loss has gone from {begun:g} down to {scale:g}, and goes on with more steps."
                )
        if self._micro() > 1:
            return f"{self._micro()} batches make one (gradient_accumulation_steps)."
        return (
            "Steps of another optimizer, such as one that a `train_step` of its own keeps, are not "
            "seen."
        )

    def _micro(self) -> int:
        return self._optimizer().gradient_accumulation_steps or 1

    def _step(self) -> int:
        """How often the weights were changed."""
        return int(on_host(self._optimizer()._iterations)) // self._micro()

    def _value(self, variable: Any) -> Any:
        """The value of an optimizer's variable, also while JAX has taken it out of the model."""
        if variable._value is None:
            known = self.model.optimizer.variables
            place = next(i for i, v in enumerate(known) if v is variable)
            return self._held("optimizer_variables")[place]
        return on_host(variable)

    def _other(self, variable: Any) -> Any:
        """As `_value`, for a variable of the model, or a weight that is computed from such."""
        if isinstance(variable, Adapted):
            return variable.given(self._other)
        if trained_of(variable) is not variable:
            return variable.member(lambda v: ops.convert_to_tensor(self._other(v)))
        for name in ("trainable_variables", "non_trainable_variables"):
            if variable._value is None:
                for i, v in enumerate(getattr(self.model, name)):
                    if v is variable:
                        return self._held(name)[i]
        return variable

    def _held(self, name: str) -> Any:
        state = self.model._jax_state
        if state is None:
            raise RuntimeError("JAX has given the state away to a step that failed.")
        return state[name]
