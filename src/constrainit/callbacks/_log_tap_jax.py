"""The rows of a log on JAX: a step hands out what they are computed from, and is done sooner.

XLA compiles a step as a whole, and takes longer for the numbers of a log than for many a model. So
the step that is logged keeps the weights as they are before their constraints, and the numbers are
computed behind it, by programs that serve all weights of a shape and a set, and the start.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from constrainit.callbacks._log_hub import carried
from constrainit.callbacks._log_tap import Tap
from constrainit.callbacks._log_watch import Watch


class HandingTap(Tap):
    """A row is computed behind a step of JAX, of what the step has kept."""

    def __init__(self, optimizer: Any, watch: Watch, every: int):
        super().__init__(optimizer, watch, every)
        self._step = carried(optimizer, (), "int32", "step", -1)
        self._ends = [carried(optimizer, (2,), "float32", "ends") for _ in watch.watched]
        self._before = [
            carried(optimizer, v.shape, v.dtype, "before", layout=getattr(v, "_layout", None))
            for v in (one.variable for one in watch.watched)
        ]
        self._rows: list[tuple[Any, list[Any]]] = []
        self._still: set[int] = set()

    @property
    def carried(self) -> list[Any]:
        """The variables that a compiled step has to carry."""
        return [self._step, *self._ends, *self._before]

    def reset(self) -> None:
        """A fit begins: of the rows of an earlier one there are none."""
        super().reset()
        self._rows = []
        for variable in self.carried:
            variable.assign(ops.full(variable.shape, -1, variable.dtype))

    def forget(self) -> None:
        """The optimizer was set back: of steps that are undone there are no rows."""
        super().forget()
        self._step.assign(-1)

    def release(self) -> None:
        """A fit has ended: what was compiled is kept, copies of weights are not."""
        self._rows = []
        for variable in self.carried:
            variable._value = None

    def _take(self, noted):
        for one, before, ends in zip(self.watch.watched, self._before, self._ends, strict=True):
            value, _, norms = self.watch.sides(one, noted)
            before.assign(value)
            ends.assign(ops.stack([ops.cast(n, "float32") for n in norms]))
        self._still = {id(one.variable) for one in self.watch.watched} - set(noted.before)
        calls = ops.cast(ops.convert_to_tensor(self.optimizer._iterations), "int32")
        due = ops.equal(calls % self.period, 0)
        self._step.assign(ops.where(due, calls // self._micro, -1))

    def behind(self, value_of: Callable[[Any], Any]) -> None:
        """Computes the row of a step that was looked at; nobody waits for it."""
        if not self.looks:
            return
        row = []
        for one, before, ends in zip(self.watch.watched, self._before, self._ends, strict=True):
            value, moves = value_of(before), id(one.variable) not in self._still
            after = value if one.constraint is None else value_of(one.variable)
            row.append(self.watch.part(one, value, after, value_of(ends), moves))
        # The next step takes what this one has left.
        self._rows.append((ops.copy(value_of(self._step)), row))

    def _fetch(self, value_of):
        super()._fetch(value_of)
        rows, self._rows = self._rows, []
        for step, row in rows:
            self._add([(int(step), np.concatenate([np.asarray(part) for part in row]))])
