"""A row of numbers about weights at every so many steps of an optimizer, computed on the device."""

import functools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from constrainit.callbacks._log_adapted import as_tensor, tell_parts
from constrainit.callbacks._log_hub import carried
from constrainit.callbacks._log_numbers import distance, norm
from constrainit.callbacks._log_watch import NAN, Noted, Watch
from constrainit.callbacks._train_function import Reader, on_host


class Tap:
    """Notes what rows of numbers are made of at every so many steps; an abstract class.

    One for each backend: `EagerTap` for PyTorch, `RingTap` for TensorFlow, `HandingTap` for JAX.

    Args:
        optimizer: A built optimizer that changes the weights itself.
        watch: The weights that are watched, all of which it trains.
        every: At which steps.

    Attributes:
        looks: Whether a row may be due in the steps of the last call, or of the one that comes.
    """

    _room = math.inf
    """How many rows may be due on the device until they are fetched."""

    def __init__(self, optimizer: Any, watch: Watch, every: int):
        self.optimizer, self.watch, self.every = optimizer, watch, every
        self._watched = watch.trained
        self._micro = optimizer.gradient_accumulation_steps or 1
        self.recipe: Any = None
        self._noted = threading.local()
        self._begin()

    def _begin(self):
        self.looks, self._due, self._since, self._steps = False, 0, 0, 1
        self._known: int | None = None
        self._found: dict[int, Any] = {}
        self._last = -1
        self._back: int | None = None

    def reset(self) -> None:
        """A fit begins: of the rows of an earlier one there are none."""
        self._begin()

    def release(self) -> None:
        """A fit has ended."""

    @property
    def period(self) -> int:
        """How many calls of `apply` lie between two rows."""
        return self.every * self._micro

    @property
    def waits(self) -> bool:
        """Whether there may be rows to be read."""
        return bool(self._due or self._found)

    @property
    def carried(self) -> list[Any]:
        """The variables that a compiled step has to carry."""
        return []

    # As `Observer`: before a step

    def ahead(self, steps: int, read: Reader) -> None:
        """Finds out whether a row may be due in so many steps.

        A step that a loss scale skips does not count, so at most so many calls of `apply` are
        counted as were taken. Where a row may have been due, the count is read anew.
        """
        if self.looks or self._known is None:
            # With a row in each execution there is nothing to be found out.
            self._known = 0 if steps >= self.period else int(read(self.optimizer._iterations))
            self._since = 0
        if self._due > self._room:
            self._fetch(read)
        self._steps = steps
        before = self._known + self._since
        self._since += steps
        self.looks = (before + steps) // self.period > before // self.period
        self._due += -(-steps // self.period) if self.looks else 0

    def forget(self) -> None:
        """The optimizer was set back: of steps that are undone there are no rows."""
        now = int(on_host(self.optimizer._iterations)) // self._micro
        self._fetch(on_host)
        self._found = {step: row for step, row in self._found.items() if step <= now}
        self._last, self._back, self._known = min(self._last, now), now, None

    # While a step is computed

    def begin(self) -> None:
        """An `apply` begins."""
        self._noted.step = None

    def start(self, gradients: Any, variables: Any) -> None:
        """The update is about to be computed."""
        if not self.looks or not self._is_due():
            return
        noted = Noted()
        for one in self.watch.watched:
            tell_parts(one.variable)
        for gradient, variable in zip(gradients, variables, strict=True):
            for one in self._watched.get(id(variable), ()):
                key = id(one.variable)
                noted.start[key] = self._value(one.variable)
                noted.gradients[key] = lambda: NAN
                if one.has_gradient:
                    whole = self._whole(gradient, variable)
                    noted.gradients[key] = self._soon(lambda whole=whole: norm(whole()))
        self._noted.step = noted

    def middle(self, variables: Any) -> None:
        """The update is done, the constraints are about to run."""
        noted = self._noted.step
        if noted is None:
            return
        for variable in variables:
            for one in self._watched.get(id(variable), ()):
                key = id(one.variable)
                passed = self._passed(one.variable, noted.start.pop(key))
                noted.before[key], noted.updates[key] = passed

    def finish(self) -> None:
        """An `apply` has ended; the optimizer has counted it."""
        noted, self._noted.step = self._noted.step, None
        if noted is not None:
            self._take(noted)

    def _take(self, noted):
        """Makes a row of a step, or keeps what it is made of."""
        raise NotImplementedError

    def behind(self, value_of: Callable[[Any], Any]) -> None:
        """A compiled step of JAX has been called, and left the variables so."""

    def _is_due(self):
        """Whether the step is looked at, as far as that is known within it."""
        return True

    def _soon(self, act):
        """What gives the result: found at once where what it is of would be held until then."""
        return act

    def _passed(self, variable, start):
        """What the update has made of a weight, and what gives the norm of the change."""
        before = self._value(variable)
        return before, functools.partial(distance, before, start)

    def _value(self, variable):
        # TensorFlow reads a variable when it is used.
        value = variable.value
        return value.read_value() if hasattr(value, "read_value") else value

    def _whole(self, gradient, variable):
        """A function that gives the gradient, all micro-batches of an accumulation included."""
        if self._micro == 1:
            return lambda: ops.convert_to_tensor(gradient)
        index = self.optimizer._get_variable_index(variable)
        gathered = self._value(self.optimizer._accumulated_gradients[index])
        return lambda: (ops.convert_to_tensor(gradient) + gathered) / self._micro

    # On the host

    def _fetch(self, value_of):
        """Takes new rows off the device."""
        self._due = 0

    def _add(self, pairs):
        """Takes the rows of steps that are not known yet."""
        new = {step: row for step, row in pairs if step > self._last}
        self._found |= new
        self._last = max(self._last, *new, -1)

    def read(
        self, value_of: Callable[[Any], Any]
    ) -> tuple[int | None, list[tuple[int, np.ndarray]]]:
        """What came about since it was read last.

        Args:
            value_of: Gives the value of a variable of the optimizer.

        Returns:
            The step to which training was set back, or None; the steps that have a row, and the
            rows, oldest first.
        """
        self._fetch(value_of)
        back, found = self._back, self._found
        self._back, self._found = None, {}
        rows = [(step, np.asarray(ops.convert_to_numpy(found[step]))) for step in sorted(found)]
        return back, rows


class EagerTap(Tap):
    """A row is computed in the step by PyTorch, of one copy of a weight for all steps."""

    def _begin(self):
        super()._begin()
        self._copies: dict[int, Any] = {}

    def release(self) -> None:
        """A fit has ended: its copies of weights are not kept."""
        self._copies = {}

    def _take(self, noted):
        self._found[int(self.optimizer.iterations)] = self.watch.row(noted)

    def _is_due(self):
        return (int(self.optimizer._iterations) + 1) % self.period == 0

    def _soon(self, act):
        found = act()
        return lambda: found

    def _value(self, variable):
        value = as_tensor(variable).detach()
        if id(variable) not in self._copies:
            self._copies[id(variable)] = ops.zeros_like(value)
        return self._copies[id(variable)].copy_(value)

    def _passed(self, variable, start):
        update = distance(as_tensor(variable).detach(), start)
        return self._value(variable), lambda: update


class RingTap(Tap):
    """A row is computed in the compiled step of TensorFlow, which keeps the last rows.

    Args:
        optimizer: As for `Tap`.
        watch: As for `Tap`.
        every: As for `Tap`.
        rows: How many rows are kept on the device; they are fetched when they might not suffice.
        most: How many rows there may be in one call.
    """

    def __init__(self, optimizer: Any, watch: Watch, every: int, rows: int, most: int):
        super().__init__(optimizer, watch, every)
        self._room = rows - most
        self.numbers = carried(optimizer, (rows, watch.width), "float32", "numbers")
        self.steps = carried(optimizer, (rows,), "int32", "steps", -1)

    @property
    def carried(self) -> list[Any]:
        """The variables that a compiled step has to carry."""
        return [self.numbers, self.steps]

    def reset(self) -> None:
        """A fit begins: of the rows of an earlier one there are none."""
        super().reset()
        self._clear()

    def forget(self) -> None:
        """The optimizer was set back: of steps that are undone there are no rows."""
        super().forget()
        self._clear()

    def _clear(self):
        self.steps.assign(ops.full_like(self.steps.value, -1))

    def _take(self, noted):
        calls = ops.cast(ops.convert_to_tensor(self.optimizer._iterations), "int32")
        due = ops.equal(calls % self.period, 0)
        numbers, steps = (ops.convert_to_tensor(v) for v in (self.numbers, self.steps))
        rows = steps.shape[0]
        place = ops.equal(ops.arange(rows, dtype="int32"), calls // self.period % rows)

        at = ops.logical_and(due, place)

        def taken():
            return ops.where(at[:, None], self.watch.row(noted)[None], numbers)

        # Where no other step is taken at once one need not ask: a condition keeps all weights.
        alone = self._steps == 1 or self.period == 1
        self.numbers.assign(taken() if alone else ops.cond(due, taken, lambda: numbers))
        self.steps.assign(ops.where(at, ops.cast(calls // self._micro, "int32"), steps))

    def _fetch(self, value_of):
        super()._fetch(value_of)
        steps, rows = (np.asarray(value_of(v)) for v in (self.steps, self.numbers))
        self._add((int(step), row) for step, row in zip(steps, rows, strict=True))
