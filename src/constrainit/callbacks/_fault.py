"""`StopAtFault`: training stops at the first number that is not finite, and says where."""

import contextlib
import dataclasses
import functools
import math
import os
from typing import Any

import keras

from constrainit import _checks
from constrainit._signatures import Told
from constrainit._warning import warn
from constrainit.callbacks._fault_flags import Flags
from constrainit.callbacks._fault_names import Fault, judged
from constrainit.callbacks._fault_rate import Rates, check
from constrainit.callbacks._fault_state import State, batches_of, give, size_of, step, taken
from constrainit.callbacks._late import waits
from constrainit.callbacks._log_hub import (
    attach,
    detach,
    inner_optimizers,
    is_chief,
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

    Put it before callbacks that save weights, and behind `KeepFeasible` and `WeightLog`.

    Args:
        path: The file for the step, which is replaced if it holds an earlier one. None keeps none.
        every: After how many batches it looks; so many are kept in memory, up to 256 MiB.
        roll_backs: How often it goes on from before the step, without the batch that failed and
            with a lower learning rate. Then it stops.
        factor: What the learning rate is multiplied by each time. A number stays so after `fit`; a
            schedule is multiplied as a whole, and the optimizer has its own again after `fit`.

    Attributes:
        faults: What was found, in order, as `Fault`.

    Raises:
        ValueError: An argument is not of its kind, there is no folder for the file, or it is that
            of something else; at the start of `fit`: the model is not compiled or can not be built,
            or the learning rate, which `roll_backs` lowers, is no number and no schedule of Keras.
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
        self._check_path()
        self.every = _checks.count("StopAtFault", "every", every)
        self.roll_backs = _checks.count("StopAtFault", "roll_backs", roll_backs, least=0)
        if not 0 < _checks.number("StopAtFault", "factor", factor) < 1:
            raise _checks.fail("StopAtFault", "factor", "lie between 0 and 1", factor)
        self.factor = float(factor)
        self.faults: list[Fault] = []
        self._flags: list[Flags] = []
        self._function: Any = None
        self._logs: dict[str, Any] = {}

    def _check_path(self):
        if self.path is None:
            return
        _checks.in_folder("StopAtFault", "path", self.path)
        if self.path.exists():
            from constrainit.doctor import _fault_file

            if not _fault_file.may_replace(self.path):
                raise ValueError(
                    f"{str(self.path)!r} is no file of `StopAtFault` and is left as it is. Give "
                    "another path."
                )

    def on_train_begin(self, logs: Any = None) -> None:
        """Reaches into the optimizer."""
        self.close()
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            raise ValueError("`StopAtFault` needs a model that is compiled with an optimizer.")
        self._check_path()
        if waits(self):
            return
        check_built(self.model, "StopAtFault")
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self.faults, self._left, self._logs = [], self.roll_backs, {}
        for inner in inner_optimizers(optimizer):
            if self.roll_backs:
                check(inner)
            slows = self.roll_backs > 0
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
        self._state = State(self.model, self._flags)
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the steps since the last look."""
        if not self._flags:
            return
        self._look()
        self._rates.leave()
        # The copy is made where the next epoch begins.
        self._good, self._window, self._size = [], [], 0

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
        self._flags, self._function = [], None
        self._window, self._good, self._size = [], [], 0

    def __del__(self) -> None:
        """A `fit` that was interrupted told nobody."""
        if getattr(self, "_flags", None):
            self.close()

    # While training goes on

    def _begin(self):
        """What is now is good; nothing was done since."""
        self._good, self._window, self._size = self._state.copy(), [], 0

    def _stepping(self, *arguments):
        """In place of the model's train function."""
        # Not `self.model`, which on JAX takes the state back from the step that is running.
        model: Any = self._model
        state, source = arguments[:-1], arguments[-1]
        batches = batches_of(source, getattr(model, "steps_per_execution", 1) or 1)
        is_due = len(self._window) >= self.every or self._size >= _MOST
        if is_due or self._rates.wait:
            if state:
                give(model, *state)
                model.jax_state_sync()
            # Here all callbacks have begun the epoch.
            self._rates.take_up()
            if is_due:
                self._look()
                self._begin()
            state = (taken(model),) if state else ()
            if model.stop_training:
                return (self._logs, *state) if state else self._logs
        self._window += batches
        self._size += sum(map(size_of, batches))
        given = batches if keras.backend.backend() == "torch" else iter(batches)
        try:
            return self._take(state, given)
        except BaseException:
            self.close()
            raise

    def _take(self, state, given):
        """A step that training has come to, and its logs."""
        try:
            result = self._function(*state, given)
        except RuntimeError as refused:
            if keras.backend.backend() != "torch":
                raise
            # Some losses of PyTorch raise for a NaN, where those of the others give NaN.
            self._look(refused)
            self._begin()
            return {**self._logs, "loss": math.nan}
        self._logs = result[0] if state else result
        return result

    def _look(self, refused=None):
        """Looks at the steps since the last look, and goes back to before one that failed.

        `refused` is the error with which PyTorch has ended the last of them.
        """
        if not self._window:
            return
        while refused is not None or self._state.is_bad(self._good):
            place, found = self._find(refused)
            self._tell(self._window[place], found)
            if not self._left:
                self.model.stop_training = True
                break
            self._left -= 1
            self._rates.lower()
            # With the lower rate: a second fault goes back to it.
            self._good, self._window = self._state.copy(), self._window[place + 1 :]
            refused = self._again(self._window)

    def _again(self, batches):
        """Takes steps once more; gives the error with which PyTorch has ended one, or None."""
        for batch in batches:
            try:
                self._logs = step(self.model, self._function, [batch])
            except RuntimeError as refused:
                if keras.backend.backend() != "torch":
                    raise
                return refused
        return None

    def _find(self, refused):
        """Takes the steps once more; leaves the model before the one that fails.

        Gives its place, and what was found.
        """
        found = self._state.evidence(self._good)
        self._state.put(self._good)
        with self._looking():
            for place, batch in enumerate(self._window):
                before = self._state.copy()
                now = self._again([batch])
                if now is not None or self._state.is_bad(before):
                    found = self._state.evidence(before)
                    if now is not None:
                        found = dataclasses.replace(found, loss=math.nan, refused=now)
                    self._state.put(before)
                    return place, found
        # What is not repeatable (other callbacks, another order of sums) has not failed again.
        self._state.put(self._good)
        if refused is not None:
            raise refused
        return len(self._window) - 1, found

    @contextlib.contextmanager
    def _looking(self):
        """Steps note all that is not finite in them."""
        for flags in self._flags:
            flags.looks = True
        try:
            yield
        finally:
            for flags in self._flags:
                flags.looks = False

    def _tell(self, data, found):
        from constrainit.doctor import _fault_file

        fault = judged(self.model, self._state, data, found)
        # Nothing explains the error but itself.
        if found.refused is not None and fault.stage == "loss":
            raise found.refused
        kept = ""
        if self.path is not None and is_chief():
            try:
                _fault_file.write(self.path, fault.about(), data, self.model)
                fault = dataclasses.replace(fault, path=str(self.path))
                kept = f" constrainit doctor MODEL --replay {self.path} takes the step once more."
            # RuntimeError: JAX, of a batch that lies in several processes.
            except (OSError, RuntimeError, TypeError, ValueError) as reason:
                kept = f" The step could not be kept: {reason}."
        self.faults.append(fault)
        done = "goes on without the batch, with a lower learning rate" if self._left else "stops"
        warn(f"{fault} Training {done}.{kept}")
