"""What a log holds, for people and programs."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from constrainit import _checks
from constrainit._patterns import ends_as, nearest
from constrainit.log._storage import (
    COLUMNS,
    LogError,
    Run,
    Weight,
    arrays,
    connect,
    records,
    runs,
    weights,
)


@dataclass(frozen=True)
class Trajectory:
    """All records of one weight, in order.

    Attributes:
        id: Its number in the file.
        weight: The weight.
        rows: The step, then the numbers in the order of `COLUMNS`.
    """

    id: int
    weight: Weight
    rows: list[tuple[Any, ...]]

    def of(self, column: str) -> list[float | None]:
        """One number over the steps."""
        place = 1 + COLUMNS.index(column)
        return [row[place] for row in self.rows]

    @property
    def steps(self) -> list[int]:
        """The steps."""
        return [row[0] for row in self.rows]

    def done(self, column: str) -> list[float | None]:
        """One number of what a step or its constraint did: the end, where none was done, has none.

        The start has: what the constraint makes of it is where training begins.
        """
        found, gradients = self.of(column), self.of("gradient_norm")
        if len(found) > 2 and gradients[-1] is None and gradients[-2] is not None:
            found[-1] = None
        return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A log, to be read only.

    Raises:
        LogError: There is none, or the file is something else, or it is damaged.
    """
    database = connect(path)
    try:
        yield database
    except (sqlite3.Error, json.JSONDecodeError) as reason:
        raise LogError(f"The log {str(path)!r} can not be read: {reason}.") from None
    finally:
        database.close()


def run_of(database: sqlite3.Connection, path: Path, number: int | None) -> Run:
    """A run of a log, the last one if it is not named.

    Raises:
        LogError: There is no such run.
    """
    held = runs(database)
    if not held:
        raise LogError(f"The log {str(path)!r} holds no run yet.")
    found = [run for run in held if number in (None, run.id)]
    if not found:
        raise LogError(
            f"The log {str(path)!r} has no run {number!r}. It has: "
            f"{', '.join(str(run.id) for run in held)}."
        )
    return found[-1]


def chosen(
    database: sqlite3.Connection, path: Path, run: int, pattern: str | None
) -> dict[int, Weight]:
    """The weights of a run whose path, or the end of it, matches a pattern.

    Raises:
        LogError: None does.
    """
    held = weights(database, run)
    found = {i: w for i, w in held.items() if pattern is None or ends_as(w.path, pattern)}
    if not found:
        shown = ", ".join(repr(w.path) for w in list(held.values())[:5])
        more = f", and {len(held) - 5} more" if len(held) > 5 else ""
        like = nearest(pattern or "", [w.path for w in held.values()])
        raise LogError(
            f"No weight of the log {str(path)!r} matches {pattern!r}. It has: {shown}{more}."
            + (f" Write {like!r}." if like else "")
        )
    return found


def trajectories(
    database: sqlite3.Connection, held: dict[int, Weight], after: int = -1
) -> Iterator[Trajectory]:
    """The trajectories of weights, one after the other."""
    for id_, weight in held.items():
        yield Trajectory(id_, weight, list(records(database, id_, after)))


def frame(path: Path, pattern: str | None, number: int | None, kind: str | None = None) -> Any:
    """The records, or the arrays of a kind, as a pandas frame.

    Raises:
        LogError: There is no such log, run or weight.
        ValueError: There is no such kind.
        ImportError: pandas is not installed.
    """
    if kind is not None:
        _checks.choice("WeightLog.read", "arrays", kind, list(_KINDS), whose=", or None")
    with opened(path) as database:
        try:
            import pandas as pd
        except ImportError:
            raise ImportError(
                'Reading a log into a frame needs pandas: pip install "constrainit[log]".'
            ) from None
        run = run_of(database, path, number)
        held = chosen(database, path, run.id, pattern)
        rows = [
            (weight.path, *row)
            for id_, weight in held.items()
            for row in (
                records(database, id_) if kind is None else _unpacked(database, id_, weight, kind)
            )
        ]
    if kind is not None and not rows:
        raise LogError(
            f"{str(path)!r} holds no {kind} of these weights. They are written by "
            f"WeightLog(path, {kind}=...)."
        )
    columns = COLUMNS if kind is None else _ARRAYS
    made = pd.DataFrame(rows, columns=["weight", "step", *columns])
    made = made.astype({name: "float64" for name in COLUMNS if name in columns})
    made["step"] = made["step"].astype("int64")
    made["weight"] = pd.Categorical(made["weight"], [weight.path for weight in held.values()])
    return made.sort_values(["step", "weight"], kind="stable", ignore_index=True)


_KINDS = {"histograms": "histogram", "tensors": "tensor"}
_ARRAYS = (
    "before", "after", "before_minimum", "before_maximum", "after_minimum", "after_maximum",
)  # fmt: skip


def _unpacked(database, id_, weight, kind):
    shape = weight.shape if kind == "tensors" else (-1,)
    for step, before, after, *ends in arrays(database, id_, _KINDS[kind]):
        pair = (np.frombuffer(side, "<f4").reshape(shape) for side in (before, after))
        yield step, *pair, *ends
