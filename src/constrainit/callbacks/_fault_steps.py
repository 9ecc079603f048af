"""The steps since the last look: taken once more where one failed, and undone from there."""

import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras

from constrainit.callbacks._fault_state import Evidence, State, size_of, step


class Steps:
    """The steps of an epoch that have not been looked at, and a copy of the state before them.

    Args:
        state: The state of the training, which is good as it is.
        function: The train function of the model.
        logs: What the last step that stands has given.

    Attributes:
        window: The batches of the steps.
        size: Their bytes.
    """

    def __init__(self, state: State, function: Any, logs: Any):
        self.state, self.logs, self._function = state, logs, function
        # Before an earlier look: a copy, and the batches of the steps from there to the last look.
        self._earlier: tuple[list[Any], list[Any]] | None = None
        self.begin()

    def begin(self) -> None:
        """What is now is good; nothing was done since."""
        self._good = self.state.copy()
        self.forget()

    def forget(self) -> None:
        """Nothing is left to be looked at."""
        self.window, self.size = [], 0

    def let_go(self) -> None:
        """No step comes any more: the copies are given up."""
        self._good, self._earlier = [], None
        self.forget()

    def add(self, batches: list[Any]) -> None:
        """Steps are about to be taken."""
        self.window += batches
        self.size += sum(map(size_of, batches))

    def look(
        self, judge: Callable[[Any, Evidence], bool | None], refused: RuntimeError | None = None
    ) -> None:
        """Looks at the steps, and goes back to before one that failed.

        Args:
            judge: Is told of a batch whose step failed, with the model as it was before, and of
                what was found; gives None to stop there, else whether the batch is at fault.
            refused: The error with which PyTorch has ended the last of the steps.
        """
        if not self.window:
            return
        failed = False
        while refused is not None or self.state.is_bad(self._good):
            place, found = self._find(refused)
            is_of_batch = judge(self.window[place], found)
            if is_of_batch is None:
                return
            failed = failed or not is_of_batch
            self._go_back(place, is_of_batch)
            refused = self._again(self.window)
        if self._earlier is not None:
            good, batches = self._earlier
            # What has led to a fault may soon lead to another: kept up to the next look.
            self._earlier = (good, [*batches, *self.window]) if failed else None

    def _go_back(self, place, is_of_batch):
        """To before the step at a place; for a second one that failed, to before the look before.

        The batch of that step is left out.
        """
        before, behind = self.window[:place], self.window[place + 1 :]
        good, batches = self._earlier or (self._good, [])
        if self._earlier is None or is_of_batch:
            # With the rate as it is now: a second fault goes back to it.
            self._good, self.window = self.state.copy(), behind
            if self._earlier is not None or not is_of_batch:
                self._earlier = (good, [*batches, *before])
        else:
            self.state.put(good)
            self._good, self.window = good, [*batches, *before, *behind]
            self._earlier = (good, [])

    def _again(self, batches):
        """Takes steps once more; gives the error with which PyTorch has ended one, or None."""
        for batch in batches:
            try:
                self.logs = step(self.state.model, self._function, [batch])
            except RuntimeError as refused:
                if keras.backend.backend() != "torch":
                    raise
                return refused
        return None

    def _find(self, refused):
        """Takes the steps once more; leaves the model before the one that fails.

        Gives its place, and what was found.
        """
        found = self.state.evidence(self._good)
        self.state.put(self._good)
        with self._looking():
            for place, batch in enumerate(self.window):
                before, logs = self.state.copy(), self.logs
                now = self._again([batch])
                if now is not None or self.state.is_bad(before):
                    found = self.state.evidence(before)
                    if now is not None:
                        found = dataclasses.replace(found, loss=math.nan, refused=now)
                    self.state.put(before)
                    self.logs = logs
                    return place, found
        # What is not repeatable (other callbacks, another order of sums) has not failed again.
        self.state.put(self._good)
        if refused is not None:
            raise refused
        return len(self.window) - 1, found

    @contextlib.contextmanager
    def _looking(self):
        """Steps note all that is not finite in them."""
        for flags in self.state.flags:
            flags.looks = True
        try:
            yield
        finally:
            for flags in self.state.flags:
                flags.looks = False
