"""Which weights are logged, and the rows of numbers about them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from constrainit._compile import compiled
from constrainit._measure import measure
from constrainit._set import ConstraintSet
from constrainit.callbacks._log_adapted import Adapted, as_tensor
from constrainit.callbacks._log_numbers import histogram, numbers
from constrainit.log._storage import COLUMNS, Weight

_SIDES = ("before", "after")
_NORM = COLUMNS.index("before_norm")
NAN = np.float32("nan")


@dataclass(frozen=True)
class Watched:
    """One weight that is logged.

    Attributes:
        weight: What the log says of it.
        variable: The variable, or what stands for the sum of a kernel and its adapters.
        trained: What an optimizer trains: the variable, or one that it is computed from.
        a_set: The set that it obeys by its constraint or by the map that computes it, None where
            there is none or it is a set of several weights.
        constraint: What Keras calls after a step, or None.
        whole: Whether its entries are kept.
    """

    weight: Weight
    variable: Any
    trained: Any
    a_set: ConstraintSet | None
    constraint: Any
    whole: bool

    @property
    def has_gradient(self) -> bool:
        """Whether the gradient of what is trained is its own, or that of its only free value."""
        return not isinstance(self.variable, Adapted)


@dataclass(frozen=True)
class _Kind:
    """What the numbers of a weight depend on beside its values; equal for equal sets."""

    a_set: ConstraintSet | None
    is_free: bool
    bins: int
    whole: bool


@dataclass
class Noted:
    """One optimizer step from inside, while it is being computed.

    Attributes:
        start: By the id of `Watched.variable`, the weight before the step, until that is done.
        gradients: By that id, what gives the norm of what the optimizer was given.
        before: By that id, the weight before its constraint.
        updates: By that id, what gives the norm of the change so far.
    """

    start: dict[int, Any] = field(default_factory=dict)
    gradients: dict[int, Callable[[], Any]] = field(default_factory=dict)
    before: dict[int, Any] = field(default_factory=dict)
    updates: dict[int, Callable[[], Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """What was found of one weight at one step.

    Attributes:
        numbers: In the order of `COLUMNS`, None where there is none.
        arrays: By kind (`"histogram before"`, `"tensor after"`), as bytes.
    """

    numbers: list[float | None]
    arrays: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Watch:
    """Weights that are logged, and how much of each."""

    watched: list[Watched]
    bins: int

    @property
    def weights(self) -> list[Weight]:
        """What the log says of them."""
        return [one.weight for one in self.watched]

    @property
    def trained(self) -> dict[int, list[Watched]]:
        """They, by the ids of what is trained: a free value may be watched beside its weight."""
        found: dict[int, list[Watched]] = {}
        for one in self.watched:
            found.setdefault(id(one.trained), []).append(one)
        return found

    @property
    def width(self) -> int:
        """The length of a row."""
        return sum(self._size(one) for one in self.watched)

    @property
    def recipe(self) -> tuple[Any, ...]:
        """What a row depends on beside the step."""
        ids = ("variable", "trained", "constraint")
        rows = ((*(id(getattr(one, name)) for name in ids), one.whole) for one in self.watched)
        return self.bins, *rows

    def _kind(self, one, moves=True):
        is_free = one.constraint is None or not moves
        return _Kind(one.a_set, is_free, self.bins, one.whole)

    def _size(self, one):
        entries = int(np.prod(one.weight.shape)) if one.whole else 0
        return len(COLUMNS) + 2 * (self.bins + entries)

    def of(self, optimizer: Any) -> "Watch":
        """Those that an optimizer trains."""
        trained = {id(v) for v in optimizer._trainable_variables}
        return Watch([one for one in self.watched if id(one.trained) in trained], self.bins)

    def sides(self, one: Watched, noted: Noted) -> tuple[Any, Any, list[Any]]:
        """A weight before its constraint and after it, the norms of its gradient and its update.

        The weight itself twice where the step has not touched it, as it had no gradient.
        """
        key, after = id(one.variable), as_tensor(one.variable)
        if key not in noted.before:
            return after, after, [NAN, NAN]
        return noted.before[key], after, [noted.gradients[key](), noted.updates[key]()]

    def row(self, noted: Noted) -> Any:
        """The row of a step, computed within it."""
        sides = [(self._kind(one), *self.sides(one, noted)) for one in self.watched]
        return ops.concatenate([part for side in sides for part in _parts(*side)])

    def part(self, one: Watched, before: Any, after: Any, ends: Any, moves: bool = True) -> Any:
        """What a row says of one weight, by a program of its own where the backend compiles.

        Args:
            one: The weight.
            before: Its value before its constraint.
            after: And after it.
            ends: The norms of its gradient and of its update.
            moves: Whether a constraint was called.
        """
        kind = self._kind(one, moves)
        traceable = kind.a_set is None or kind.a_set.traceable
        return (compiled(_row) if traceable else _row)(kind, before, after, ends)

    def split(self, row: np.ndarray) -> dict[str, Record]:
        """A row as records, by the paths of the weights."""
        found, start = {}, 0
        for one in self.watched:
            end = start + self._size(one)
            found[one.weight.path] = self._record(one, row[start:end])
            start = end
        return found

    def _record(self, one, row):
        held = [_or_none(n) for n in row[: len(COLUMNS)]]
        record, place = Record(held), len(COLUMNS)
        for side in _SIDES:
            if self.bins:
                record.arrays[f"histogram {side}"] = _bytes(row[place : place + self.bins])
                place += self.bins
            if one.whole:
                entries = int(np.prod(one.weight.shape))
                record.arrays[f"tensor {side}"] = _bytes(row[place : place + entries])
                place += entries
        return record

    def now(self) -> dict[str, Record]:
        """Records of the weights as they are, with what their constraints would make of them."""
        found = {}
        for one in self.watched:
            value = image = as_tensor(one.variable)
            if one.a_set is not None and one.constraint is not None:
                ((_, image),) = measure([one.a_set], [value])
            found[one.weight.path] = self._at_rest(one, value, image)
        return found

    def rest(self, known: set[int], value_of: Callable[[Any], Any]) -> dict[str, Record]:
        """Records of the weights that no optimizer trains, as they are.

        Args:
            known: The ids of the variables that one trains.
            value_of: Gives the value of a variable.
        """
        found = {}
        for one in self.watched:
            if id(one.trained) not in known:
                value = as_tensor(value_of(one.variable))
                found[one.weight.path] = self._at_rest(one, value, value)
        return found

    def _at_rest(self, one, before, after):
        nothing = ops.convert_to_tensor(np.full(2, NAN))
        found = self.part(one, before, after, nothing, moves=after is not before)
        return self._record(one, np.asarray(ops.convert_to_numpy(found)))


def _row(kind, before, after, ends):
    """What a row says of one weight."""
    return ops.concatenate(_parts(kind, before, after, ops.unstack(ends, 2)))


def _parts(kind, before, after, ends):
    found = numbers(before, before if kind.is_free else after, kind.a_set)
    # Those of a weight of float64 are float64, and what does not exist is float32.
    found, gradient, update = (ops.cast(n, "float32") for n in (found, *ends))
    parts = [found, ops.stack([gradient, update / found[_NORM]])]
    for side in (before, after):
        flat = ops.reshape(ops.cast(side, "float32"), (-1,))
        parts += [histogram(flat, kind.bins)] if kind.bins else []
        parts += [flat] if kind.whole else []
    return parts


def _or_none(number):
    return float(number) if np.isfinite(number) else None


def _bytes(values):
    return np.ascontiguousarray(values, "<f4").tobytes()
