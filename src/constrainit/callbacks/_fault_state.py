"""The state of a training, kept and put back, and its steps taken once more."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from constrainit._compile import compiled
from constrainit.callbacks._fault_flags import STAGES, Flags, is_finite
from constrainit.callbacks._log_hub import all_carried
from constrainit.callbacks._train_function import forget, on_host, read


@dataclass(frozen=True)
class Evidence:
    """What was found behind a step that went wrong.

    Attributes:
        step: Its number: one for the first change of the weights.
        stage: One of `STAGES`, or `"state"`.
        weights: The variables that are not finite there.
        loss: The mean loss since the copy that it was compared with; None where a `train_step` of
            its own keeps no mean of the name `loss`.
        refused: The error with which PyTorch has ended the step, if it has.
    """

    step: int
    stage: str
    weights: list[Any]
    loss: float | None
    refused: RuntimeError | None = None


class State:
    """All variables that a step of `fit` changes.

    Args:
        model: A compiled model whose optimizer is built.
        flags: What looks at its optimizers.
    """

    def __init__(self, model: keras.Model, flags: list[Flags]):
        self.model, self.flags = model, flags
        self._weights = list(model.weights)
        every = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        # A model may name metrics of its own in place of all, and train what it does not track.
        self._trackers = _trackers(model)
        every += [v for one in (*self._trackers, *flags) for v in one.variables]
        # Not what a log has found in a step, where a number that does not exist is NaN.
        ours = {id(v) for one in flags for v in all_carried(one.optimizer)}
        self._slots = [v for v in model.optimizer.variables if id(v) not in ours]
        every = [v for v in every if id(v) not in ours] + [one.bad for one in flags]
        self.variables = list({id(v): v for v in every}.values())
        self._places = {id(v): i for i, v in enumerate(self.variables)}

    def copy(self) -> list[Any]:
        """What the variables hold, in memory of its own: JAX gives that of variables away."""
        return compiled(_copies)((), [read(v) for v in self.variables])

    def put(self, values: list[Any]) -> None:
        """The opposite of `copy`."""
        rates = {id(one.optimizer._learning_rate) for one in self.flags}
        for variable, value in zip(self.variables, values, strict=True):
            # No step changes a rate, but callbacks behind this one do where an epoch begins.
            if id(variable) in rates:
                continue
            variable.assign(ops.copy(value) if keras.backend.backend() == "jax" else value)
        forget(self.model)

    def is_bad(self, good: list[Any]) -> bool:
        """Whether something is not finite that was in a copy, or was so in a step since then."""
        return bool(self._noted(good)) or is_lost(self._loss(good)) or bool(self._lost(good))

    def calls(self) -> int:
        """How often the optimizer was called."""
        return int(on_host(self.flags[0].optimizer._iterations))

    def evidence(self, good: list[Any]) -> Evidence:
        """What is not finite, against a copy."""
        steps = self.flags[0].optimizer
        calls = int(np.asarray(ops.convert_to_numpy(self._of(good, steps._iterations))))
        number = calls // (steps.gradient_accumulation_steps or 1) + 1
        noted = self._noted(good)
        if noted:
            stage, weights = min(noted, key=lambda pair: pair[0])
            return Evidence(number, STAGES[stage], weights, self._loss(good))
        return Evidence(number, "state", self._lost(good), self._loss(good))

    def not_finite(self, variables: list[Any]) -> list[Any]:
        """Those of some variables that are not finite."""
        if not variables:
            return []
        # One wait for the device, not one for each weight.
        sound = ops.convert_to_numpy(compiled(_sound)((), [read(v) for v in variables]))
        return [v for v, good in zip(variables, np.asarray(sound), strict=True) if not good]

    def _noted(self, good):
        """What steps since a copy have noted, but of weights that were lost before."""
        found = []
        for one in self.flags:
            noted = on_host(one.bad)
            if noted.any():
                noted = np.where(
                    np.asarray(ops.convert_to_numpy(self._of(good, one.bad))), 0, noted
                )
                sound = [bool(is_finite(self._of(good, v))) for v in one.variables]
                noted[1:, np.logical_not(sound)] = 0
                found.append(one.found(noted))
        return [pair for pair in found if pair is not None]

    def _of(self, values, variable):
        return values[self._places[id(variable)]]

    def _lost(self, good):
        found = self.not_finite([*self._weights, *self._slots])
        return [v for v in found if bool(is_finite(self._of(good, v)))]

    def _loss(self, good):
        for tracker in self._trackers:
            pairs = (tracker.total, tracker.count)
            total, count = (float(on_host(v)) - float(self._of(good, v)) for v in pairs)
            if count:
                return total / count
        return None


def _trackers(model):
    """The means of the loss: that of Keras, which a step of the model's own may leave alone."""
    own = [one for one in model.metrics if one.name == "loss"]
    found = [getattr(model, "_loss_tracker", None), *own]
    return [one for one in found if isinstance(one, keras.metrics.Mean)]


def is_lost(loss: float | None) -> bool:
    """Whether a loss is known and not finite."""
    return loss is not None and not np.isfinite(loss)


def _copies(_, values):
    return [ops.copy(value) for value in values]


def _sound(_, values):
    return ops.stack([is_finite(value) for value in values])


def logs_of(model: keras.Model, logs: Any) -> dict[str, Any]:
    """The logs of an epoch as Keras would give them to callbacks now.

    Args:
        model: A model in `fit`, in an epoch.
        logs: What the last step that stands has given.
    """
    found = model._get_metrics_result_or_logs(logs)
    flat = {}
    for key, value in found.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    return {key: float(ops.convert_to_numpy(value)) for key, value in flat.items()}


def batches_of(source: Any, most: int) -> list[Any]:
    """Takes the batches of one call out of what a train function is given.

    Raises:
        StopIteration: There are none.
    """
    if keras.backend.backend() == "torch":
        return list(source)
    found = []
    for _ in range(most):
        try:
            found.append(next(source))
        except StopIteration:
            if not found:
                raise
            break
    return found


def arrays_of(batch: Any) -> list[Any]:
    """The arrays of a batch, also where TensorFlow holds one for each replica."""
    found = []
    for part in tree.flatten(batch):
        found += part.values if type(part).__name__ == "PerReplica" else [part]
    return found


def size_of(batch: Any) -> int:
    """The bytes of a batch."""
    parts = [part for part in arrays_of(batch) if hasattr(part, "shape")]
    return sum(4 * int(np.prod(tuple(part.shape))) for part in parts)


def step(model: keras.Model, function: Any, batches: list[Any]) -> Any:
    """Takes the steps of a train function from the variables as they are; gives its logs."""
    if keras.backend.backend() != "jax":
        return function(batches if keras.backend.backend() == "torch" else iter(batches))
    logs, state = function(taken(model, purge=False), iter(batches))
    give(model, state)
    model.jax_state_sync()
    return logs


def taken(model: keras.Model, purge: bool = True) -> Any:
    """The state that a train function of JAX takes, out of the variables."""
    state = model._get_jax_state(
        trainable_variables=True,
        non_trainable_variables=True,
        optimizer_variables=True,
        metrics_variables=True,
        purge_model_variables=purge,
    )
    model._jax_state_synced = False
    return state


def give(model: keras.Model, state: Any) -> None:
    """Makes a state of JAX known to the model, as `fit` does."""
    names = ("trainable", "non_trainable", "optimizer", "metrics")
    model._jax_state = {f"{name}_variables": s for name, s in zip(names, state, strict=True)}
    model._jax_state_synced = False
