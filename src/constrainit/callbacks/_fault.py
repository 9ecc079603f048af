"""`StopAtFault`: training stops at the first number that is not finite, and says where."""

import functools
import math
import os
from typing import Any

import keras

from constrainit import _checks
from constrainit._average import averages
from constrainit._signatures import Told
from constrainit._warning import warn
from constrainit.callbacks._fault_flags import Flags
from constrainit.callbacks._fault_kept import check_path, kept
from constrainit.callbacks._fault_names import Fault, judged
from constrainit.callbacks._fault_rate import Rates, check
from constrainit.callbacks._fault_state import State, batches_of, give, logs_of, taken
from constrainit.callbacks._fault_steps import Steps
from constrainit.callbacks._late import builds_metrics, waits
from constrainit.callbacks._log_hub import (
    attach,
    detach,
    inner_optimizers,
    observer_of,
)
from constrainit.callbacks._train_function import Through
from constrainit.model import check_built

_MOST = 2**28
"""Bytes of batches that are kept until it is known that they did no harm."""


class StopAtFault(Told, keras.callbacks.Callback):
    """Training stops at the first weight, activation, gradient or loss that is not finite.

    Says where in the step it arose and in which weight, leaves the model as it was before the step,
    weights and optimizer, and keeps the step in a file: `constrainit doctor MODEL --replay
    fault.npz` takes it once more and says why.

    What happens in a step is noted in the step itself, on the device. It is looked at every so
    many batches and where an epoch ends, so no step waits. If there was a fault, the steps since
    the last look are taken once more from a copy of the state, up to the one that fails. What
    changes weights between steps (a `train_step` with state of its own, another callback's hook of
    batches) is not repeated. A float16 step that `LossScaleOptimizer` skips is no fault. An
    activation is seen where it reaches the loss, a gradient or a weight.

    What goes back are weights, optimizer and metrics: the logs of an epoch are of the steps that
    stand. Put it before callbacks that save weights or read the loss, and behind `KeepFeasible` and
    `WeightLog`.

    Args:
        path: The file for the step, which is replaced if it holds an earlier one. None keeps none.
            The second fault of a `fit` is in `fault.2.npz`, and so on.
        every: After how many batches it looks; so many are kept in memory, up to 256 MiB.
        roll_backs: How often it goes on from before the step, without the batch that failed. If
            another step fails before a look has found none that does, it goes on from the look
            before. Then it stops.
        factor: What the learning rate is multiplied by each time, but where the batch itself is not
            finite; 1 leaves it. A number stays so after `fit`; a schedule is multiplied as a whole,
            and the optimizer has its own again after `fit`.

    Attributes:
        faults: What was found, in order, as `Fault`.

    Raises:
        ValueError: An argument is not of its kind, there is no folder for the file, or it is that
            of something else; at the start of `fit`: the model is not compiled or can not be built,
            or the learning rate, which is to be lowered, is no number and no schedule of Keras.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = "fault.npz",
        every: int = 100,
        roll_backs: int = 0,
        factor: float = 0.5,
    ):
        super().__init__()
        must = "be the path of a file, or None"
        self.path = None if path is None else _checks.file_path("StopAtFault", "path", path, must)
        check_path(self.path)
        self.every = _checks.count("StopAtFault", "every", every)
        self.roll_backs = _checks.count("StopAtFault", "roll_backs", roll_backs, least=0)
        if not 0 < _checks.number("StopAtFault", "factor", factor) <= 1:
            must = "be greater than 0 and at most 1"
            raise _checks.fail("StopAtFault", "factor", must, factor)
        self.factor = float(factor)
        self.faults: list[Fault] = []
        self._flags: list[Flags] = []
        self._function: Any = None
        self._steps: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Reaches into the optimizer."""
        self.close()
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            raise ValueError("`StopAtFault` needs a model that is compiled with an optimizer.")
        check_path(self.path)
        if waits(self):
            return
        check_built(self.model, "StopAtFault")
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self.faults, self._left = [], self.roll_backs
        slows = self.roll_backs > 0 and self.factor < 1
        for inner in inner_optimizers(optimizer):
            if slows:
                check(inner)
            recipe = Flags.recipe_of(inner, slows)
            flags = observer_of(self.model, recipe, functools.partial(Flags, inner, slows))
            attach(flags, inner, self.model)
            self._flags.append(flags)
            if flags.slowing is not None:
                inner.learning_rate = flags.slowing
        self._rates = Rates(self._flags, self.factor)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Copies the state; what happens to weights from here on are steps."""
        # TensorFlow builds some models in their first step only.
        if not self._flags:
            return
        if self._function is None:
            self._function = self.model.train_function
            # The function that Keras calls, whatever other callbacks made of it before.
            self.model.train_function = Through(self._stepping, self._function)
        state = State(self.model, self._flags)
        logs = self._steps.logs if self._steps else {}
        self._steps = Steps(state, self._function, logs)
        self._begun, self._known, self._stands = state.calls(), len(self.faults), {}

    def on_test_begin(self, logs: Any = None) -> None:
        """Looks before a validation, which is then of weights that stand."""
        # Averages may be in the place of the weights here.
        if self._flags and not any(averages(self.model.optimizer)):
            self._look_last()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the steps since the last look; the logs are then of what stands."""
        if not self._flags:
            return
        self._look_last()
        if logs is not None:
            logs.update(self._stands)
        self._rates.leave()
        # The copy is made where the next epoch begins.
        self._steps.let_go()

    def on_train_end(self, logs: Any = None) -> None:
        """Lets go of the optimizer."""
        self.close()

    def close(self) -> None:
        """Lets go of the optimizer and of what was kept; `fit` does so unless interrupted."""
        model: Any = self._model
        if self._flags and isinstance(model.train_function, Through):
            model.train_function = model.train_function.without(self)
        for flags in self._flags:
            detach(flags, flags.optimizer, model)
            if flags.slowing is not None and flags.optimizer._learning_rate is flags.slowing:
                flags.optimizer.learning_rate = flags.slowing.schedule
        self._flags, self._function, self._steps = [], None, None

    def __del__(self) -> None:
        """A `fit` that was interrupted told nobody."""
        if getattr(self, "_flags", None):
            self.close()

    # While training goes on

    def _stepping(self, *arguments):
        """In place of the model's train function."""
        # Not `self.model`, which on JAX takes the state back from the step that is running.
        model: Any = self._model
        state, source = arguments[:-1], arguments[-1]
        batches = batches_of(source, getattr(model, "steps_per_execution", 1) or 1)
        steps = self._steps
        is_due = len(steps.window) >= self.every or steps.size >= _MOST
        if is_due or self._rates.wait:
            if state:
                give(model, *state)
                model.jax_state_sync()
            # Here all callbacks have begun the epoch.
            self._rates.take_up()
            if is_due:
                steps.look(self._judge)
                steps.begin()
            state = (taken(model),) if state else ()
            if model.stop_training:
                return (steps.logs, *state) if state else steps.logs
        if builds_metrics(model, batches[0]):
            self._steps = steps = Steps(State(model, self._flags), self._function, steps.logs)
        steps.add(batches)
        given = batches if keras.backend.backend() == "torch" else iter(batches)
        try:
            return self._take(state, given)
        except BaseException:
            self.close()
            raise

    def _take(self, state, given):
        """A step that training has come to, and its logs."""
        steps = self._steps
        try:
            result = self._function(*state, given)
        except RuntimeError as refused:
            if keras.backend.backend() != "torch":
                raise
            # Some losses of PyTorch raise for a NaN, where those of the others give NaN.
            steps.look(self._judge, refused)
            steps.begin()
            return {**steps.logs, "loss": math.nan}
        steps.logs = result[0] if state else result
        return result

    def _look_last(self):
        """Looks at the last steps of an epoch, whose logs Keras has read before."""
        steps, known = self._steps, len(self.faults)
        steps.look(self._judge)
        steps.forget()
        if len(self.faults) > known:
            self._stands = logs_of(self.model, steps.logs)
        if len(self.faults) > self._known and steps.state.calls() == self._begun:
            # A mean of no step is zero for Keras, the best of all losses.
            self._stands = dict.fromkeys(logs_of(self.model, steps.logs), math.nan)

    def _judge(self, batch, found):
        """Tells of a step that failed, and keeps it; gives what is to be done.

        None to stop, else whether its batch is what is at fault.
        """
        fault = judged(self.model, self._steps.state, batch, found)
        # Nothing explains the error but itself.
        if found.refused is not None and fault.stage == "loss":
            raise found.refused
        number = len(self.faults) + 1
        fault, where = kept(fault, self.path, number, batch, self.model)
        self.faults.append(fault)
        if not self._left:
            self.model.stop_training = True
            warn(f"{fault} Training stops.{where}")
            return None
        self._left -= 1
        is_of_batch = fault.stage == "batch"
        lowers = self.factor < 1 and not is_of_batch
        if lowers:
            self._rates.lower()
        how = ", with a lower learning rate" * lowers
        warn(f"{fault} Training goes on without the batch{how}.{where}")
        return is_of_batch
