"""What a backend notes down of every operation: who made which value, and is it finite?"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from constrainit.doctor._frames import Source
from constrainit.doctor._statistics import Numbers, numbers, range_and_numbers
from constrainit.doctor.trace._limits import flattens, limit_of, loses_all


class Value:
    """A tensor that was seen: not its entries, only where it came from.

    Attributes:
        maker: The step that made it, None for what was there before.
        weight: The path of the variable that it is, or an empty string.
        data: Whether it is a part of the batch.
        nonfinite: Whether an entry is NaN or infinite.
        nan: Whether an entry is NaN.
    """

    __slots__ = ("data", "maker", "nan", "nonfinite", "weight")

    def __init__(self, flags=(False, False), maker=None, weight="", data=False):
        self.nonfinite, self.nan = flags
        self.maker, self.weight, self.data = maker, weight, data


@dataclass(frozen=True)
class Place:
    """Where in the model an operation ran.

    Attributes:
        stage: Forward, loss, gradients or constraint.
        calls: The running calls of layers, outermost first: the number of the call, and a number
            that tells the turns of a loop apart.
        source: The user's line.
        called: The function of Keras that it called.
        turn: Tells the turns of a loop apart.
        settled: Whether the line is that of what runs inside, too.
    """

    stage: str
    calls: tuple[tuple[int, int], ...] = ()
    source: Source | None = None
    called: str = ""
    turn: int = 0
    settled: bool = False


@dataclass(eq=False)
class Step:
    """One operation, or the derivative of one.

    Attributes:
        name: Its name, the same for all backends.
        place: Where it ran.
        operands: What went in; for a derivative, the gradients of the results.
        index: Its place in the order of execution.
        forward: The operation that this is the derivative of.
        shown: Its operands in numbers, noted where its results are suspicious.
        outcome: Its first non-finite result in numbers.
        limit: What can not be computed, in words.
        dtype: The dtype of its first result.
    """

    name: str
    place: Place
    operands: Sequence[Value]
    index: int
    forward: "Step | None" = None
    shown: tuple[Numbers, ...] = ()
    outcome: Numbers | None = None
    limit: str = ""
    dtype: str = ""
    bad: "tuple[int, np.ndarray] | None" = None
    values: list[Value] = field(default_factory=list)


@dataclass
class Seen:
    """A tensor as a backend hands it over: `array` gives its entries in float64."""

    flags: tuple[bool, bool]
    dtype: str
    array: Callable[[], np.ndarray]


class Recorder:
    """The operations of one run, in order.

    Args:
        lossy: Keep in `lost` the steps that leave the range of their dtype, or whose results are
            all zero, or all at a limit, by rounding.
        products: Keep in `multiplied` the finite products of two in the loss.
    """

    def __init__(self, lossy: bool = False, products: bool = False):
        self.lossy, self.lost = lossy, []
        self.products, self.multiplied = products, []
        self.names: list[str] = []
        self.running: list[tuple[int, int]] = []
        self.stage, self.count = "forward", 0

    @contextlib.contextmanager
    def call(self, name: str) -> Iterator[int]:
        """While a layer's call runs."""
        self.names.append(name)
        number = len(self.names) - 1
        self.running.append((number, 0))
        try:
            yield number
        finally:
            self.running.pop()

    @contextlib.contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """While a stage runs."""
        before, self.stage = self.stage, stage
        try:
            yield
        finally:
            self.stage = before

    def layer(self, step: Step) -> str:
        """The name of the innermost layer whose call was running."""
        calls = step.place.calls
        return self.names[calls[-1][0]] if calls else ""

    def step(
        self,
        name: str,
        place: Place,
        operands: Sequence[Value],
        seen: Iterable[Seen],
        results: Sequence[Seen],
        wide: Callable[[], Any] | None = None,
    ) -> Step:
        """Notes an operation; `seen` are its operands and `wide` recomputes it in float64."""
        step = Step(name, place, operands, self.count)
        self.count += 1
        step.values = [Value(result.flags, step) for result in results]
        step.dtype = results[0].dtype if results else ""
        if self._is_suspicious(step.values, operands):
            place_of_bad = next(i for i, v in enumerate(step.values) if v.nonfinite)
            arrays = [one.array() for one in seen]
            result = results[place_of_bad].array()
            step.shown = tuple(map(range_and_numbers, arrays))
            step.outcome = numbers(result)
            step.limit = limit_of(name, arrays, result, results[place_of_bad].dtype, wide)
            if self.lossy and "overflow of" in step.limit:
                self.lost.append(step)
        elif self.lossy and name in flattens:
            arrays, result = [one.array() for one in seen], results[0].array()
            step.limit = loses_all(name, arrays, result, step.dtype)
            if step.limit:
                step.shown, step.outcome = tuple(map(numbers, arrays)), numbers(result)
                self.lost.append(step)
        elif self.products and name == "multiply" and place.stage == "loss" and len(operands) == 2:
            step.shown = tuple(numbers(one.array()) for one in seen)
            self.multiplied.append(step)
        return step

    def derivative(
        self, forward: Step, gradients: Sequence[Value], results: Sequence[Seen | None]
    ) -> Step:
        """Notes the derivative of a step: `results` are the gradients of the step's operands."""
        step = Step(
            forward.name, replace(forward.place, stage="gradients"), gradients, self.count, forward
        )
        self.count += 1
        step.values = [Value(r.flags if r else (False, False), step) for r in results]
        if self._is_suspicious(step.values, gradients):
            index = next(i for i, v in enumerate(step.values) if v.nonfinite)
            result = results[index]
            assert result is not None
            array = result.array()
            step.outcome, step.dtype = numbers(array), result.dtype
            step.bad = index, ~np.isfinite(array)
        return step

    @staticmethod
    def _is_suspicious(results, operands):
        """Whether something became infinite, or NaN, in this step."""
        spoiled = any(o.nonfinite for o in operands)
        lost = any(o.nan for o in operands)
        return any((r.nonfinite and not spoiled) or (r.nan and not lost) for r in results)
