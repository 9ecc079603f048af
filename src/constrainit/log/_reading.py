"""What a log holds, for people and programs."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
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


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A log, to be read only, as it is at the first look.

    Raises:
        LogError: There is none, or the file is something else, or it is damaged.
    """
    database = connect(path)
    try:
        database.execute("BEGIN")
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


_TOGETHER = 10_000
"""Records that become objects of Python at once."""


def blocks(
    database: sqlite3.Connection, held: Mapping[int, Weight]
) -> Iterator[tuple[int, np.ndarray]]:
    """The records of weights, one weight after the other, each in order.

    Gives the place of the weight in `held`, and of some records the steps and the numbers, of shape
    `(1 + len(COLUMNS), records)`; NaN where a number does not exist.
    """
    for place, id_ in enumerate(held):
        cursor = records(database, id_)
        while rows := cursor.fetchmany(_TOGETHER):
            yield place, np.array(rows, "float64").T


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
                "Reading a log into a frame needs pandas: pip install pandas."
            ) from None
        run = run_of(database, path, number)
        held = chosen(database, path, run.id, pattern)
        if kind is None:
            return _numbers(database, held)
        rows = [
            (weight.path, *row)
            for id_, weight in held.items()
            for row in _unpacked(database, id_, weight, kind)
        ]
    if not rows:
        raise LogError(
            f"{str(path)!r} holds no {kind} of these weights. They are written by "
            f"WeightLog(path, {kind}=...)."
        )
    made = pd.DataFrame(rows, columns=["weight", "step", *_ARRAYS])
    made["step"] = made["step"].astype("int64")
    made["weight"] = pd.Categorical(made["weight"], [weight.path for weight in held.values()])
    return made.sort_values(["step", "weight"], kind="stable", ignore_index=True)


def _numbers(database, held):
    """The frame of all records, whose numbers are never objects of Python all at once."""
    import pandas as pd

    sizes = [
        database.execute("SELECT count(*) FROM records WHERE weight = ?", (id_,)).fetchone()[0]
        for id_ in held
    ]
    whole, at = np.empty((1 + len(COLUMNS), sum(sizes))), 0
    for _, block in blocks(database, held):
        whole[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    places = np.repeat(np.arange(len(held)), sizes)
    if len(held) > 1:
        order = np.lexsort((places, whole[0]))
        places = places[order]
        for row in whole:
            row[:] = row[order]
    made = pd.DataFrame(whole[1:].T, columns=[*COLUMNS])
    made.insert(0, "step", whole[0].astype("int64"))
    paths = [weight.path for weight in held.values()]
    made.insert(0, "weight", pd.Categorical.from_codes(places, paths))
    return made


_KINDS = {"histograms": "histogram", "tensors": "tensor"}
_ARRAYS = (
    "before", "after", "before_minimum", "before_maximum", "after_minimum", "after_maximum",
)  # fmt: skip


def _unpacked(database, id_, weight, kind):
    shape = weight.shape if kind == "tensors" else (-1,)
    for step, before, after, *ends in arrays(database, id_, _KINDS[kind]):
        pair = (np.frombuffer(side, "<f4").reshape(shape) for side in (before, after))
        yield step, *pair, *ends
