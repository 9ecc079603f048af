"""The file of a log: one SQLite database, which one process writes and any number read.

In write-ahead mode a reader sees what was committed while the writer goes on, and a process that
is killed loses what it had not committed and nothing else. The mode keeps two files beside the
database. They are gone when the writer is done, which ends the mode, and after one that was killed
when the next reader is: a reader has to be able to write for that.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = (
    "before_minimum", "before_maximum", "before_mean", "before_deviation", "before_norm",
    "before_nonfinite", "after_minimum", "after_maximum", "after_mean", "after_deviation",
    "after_norm", "after_nonfinite", "violation", "moved", "share_moved", "share_at_bound",
    "gradient_norm", "update_ratio",
)  # fmt: skip
"""The numbers of a record, in their order; NULL where a number does not exist."""

APPLICATION = 0x63695765
"""What marks the file as a log among SQLite databases."""

SCHEMA = 1

_TABLES = f"""
CREATE TABLE runs (id INTEGER PRIMARY KEY, started TEXT NOT NULL, about TEXT NOT NULL);
CREATE TABLE weights (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, path TEXT NOT NULL,
    shape TEXT NOT NULL, dtype TEXT NOT NULL, rule TEXT, UNIQUE (run, path)
);
CREATE TABLE records (
    weight INTEGER NOT NULL REFERENCES weights, step INTEGER NOT NULL,
    {", ".join(f"{name} REAL" for name in COLUMNS)}, PRIMARY KEY (weight, step)
) WITHOUT ROWID;
CREATE TABLE arrays (
    weight INTEGER NOT NULL REFERENCES weights, step INTEGER NOT NULL, kind TEXT NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (weight, step, kind)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {SCHEMA};
"""


class LogError(ValueError):
    """The log can not be written or read, in one sentence."""


@dataclass(frozen=True)
class Weight:
    """A weight as the log knows it.

    Attributes:
        path: Its name, as `check` prints it.
        shape: Its shape.
        dtype: Its storage dtype.
        rule: The set in one line, or None where there is no constraint.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    rule: str | None


@dataclass(frozen=True)
class Run:
    """One training that a log holds.

    Attributes:
        id: Its number, from 1.
        started: When it began, as ISO 8601 in UTC.
        about: Model, backend, versions and cadence.
        last: The last step that is logged, None without any.
    """

    id: int
    started: str
    about: dict[str, Any]
    last: int | None


def connect(path: Path, write: bool = False) -> sqlite3.Connection:
    """A connection to a log.

    Raises:
        LogError: It is a folder, can not be opened, is of another program or of a newer schema;
            to be read, it does not exist.
    """
    if path.is_dir():
        raise LogError(f"The log {str(path)!r} is a folder. Give the path of a file.")
    if not path.resolve().parent.is_dir():
        raise LogError(f"There is no folder {str(path.parent)!r} for the log {path.name!r}.")
    if not write and not path.is_file():
        raise LogError(f"There is no log {str(path)!r}.")
    new = not path.exists() or path.stat().st_size == 0
    mode = "rwc" if write else "rw" if _is_marked(path) else "ro"
    try:
        database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=10, check_same_thread=False
        )
    except sqlite3.Error as reason:
        raise LogError(f"The log {str(path)!r} can not be opened: {reason}.") from None
    try:
        if new and write:
            _make(database)
        _check(database, path)
        if write:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
        else:
            database.execute("PRAGMA query_only = ON")
    except sqlite3.Error as reason:
        database.close()
        raise LogError(_unusable(path, reason)) from None
    except LogError:
        database.close()
        raise
    return database


def leave(database: sqlite3.Connection) -> None:
    """Closes what was written: one file that any program reads and puts nothing beside it.

    Where somebody still reads, the last of them clears up.
    """
    with contextlib.suppress(sqlite3.Error):
        database.execute("PRAGMA journal_mode = DELETE")
    with contextlib.suppress(sqlite3.Error):
        database.close()


def _is_marked(path):
    """Whether the file is a log: one of another program is not opened so that it might change."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(68)
        return file.read(4) == APPLICATION.to_bytes(4, "big")
    return False


def _unusable(path, reason):
    if isinstance(reason, sqlite3.DatabaseError) and "not a database" in str(reason):
        return f"{str(path)!r} is no log of constrainit and is left as it is. Give another path."
    return f"The log {str(path)!r} can not be used: {reason}."


def _make(database):
    with database:
        database.executescript(f"BEGIN;{_TABLES}COMMIT;")


def _check(database, path):
    application = database.execute("PRAGMA application_id").fetchone()[0]
    schema = database.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION:
        raise LogError(
            f"{str(path)!r} is no log of constrainit and is left as it is. Give another path."
        )
    if schema > SCHEMA:
        raise LogError(
            f"The log {str(path)!r} was written by a newer constrainit (schema {schema}, this one "
            f"knows {SCHEMA}). Update constrainit, or give another path."
        )


def runs(database: sqlite3.Connection) -> list[Run]:
    """The runs that a log holds, the oldest first."""
    # For each weight the end of its stretch of the key: a million records are not gone through.
    last = """SELECT max(ends) FROM (
                  SELECT (SELECT max(step) FROM records WHERE weight = weights.id) AS ends
                  FROM weights WHERE run = runs.id)"""
    rows = database.execute(f"SELECT id, started, about, ({last}) FROM runs ORDER BY id")
    return [Run(id_, started, json.loads(about), step) for id_, started, about, step in rows]


def weights(database: sqlite3.Connection, run: int) -> dict[int, Weight]:
    """The weights of a run, by their number."""
    rows = database.execute(
        "SELECT id, path, shape, dtype, rule FROM weights WHERE run = ? ORDER BY id", (run,)
    )
    return {
        id_: Weight(path, tuple(json.loads(shape)), dtype, rule)
        for id_, path, shape, dtype, rule in rows
    }


def records(database: sqlite3.Connection, weight: int) -> sqlite3.Cursor:
    """The records of a weight, in order: the step, then the numbers."""
    named = ", ".join(COLUMNS)
    return database.execute(
        f"SELECT step, {named} FROM records WHERE weight = ? ORDER BY step", (weight,)
    )


@dataclass(frozen=True)
class Digest:
    """All records of one weight in a line.

    Attributes:
        records: How many there are.
        first_norm: The norm at the start.
        last_norm: The norm now.
        violation: The most by which it was outside before its constraint.
        share_moved: By the last step that its constraint had a part in.
        share_at_bound: As of the last record that has it, as are the next two.
        update_ratio: The norm of the update over that of the weight.
        nonfinite: Entries that are not finite.
        lost: The first step behind which it was not finite, None if it never was.
    """

    records: int
    first_norm: float | None
    last_norm: float | None
    violation: float | None
    share_moved: float | None
    share_at_bound: float | None
    update_ratio: float | None
    nonfinite: float | None
    lost: int | None


def digest(database: sqlite3.Connection, weight: int) -> Digest:
    """The records of a weight in a line, without taking them out of the file."""

    def end(column, order="DESC", until=None):
        found = database.execute(
            f"SELECT {column} FROM records WHERE weight = ? AND {column} IS NOT NULL "
            f"AND (? IS NULL OR step < ?) ORDER BY step {order} LIMIT 1",
            (weight, until, until),
        ).fetchone()
        return found and found[0]

    records, violation, lost = database.execute(
        """SELECT count(*), max(violation), min(CASE WHEN after_nonfinite > 0 THEN step END)
           FROM records WHERE weight = ?""",
        (weight,),
    ).fetchone()
    return Digest(
        records, end("after_norm", "ASC"), end("after_norm"), violation,
        end("share_moved", until=end_of(database, weight)), end("share_at_bound"),
        end("update_ratio"), end("after_nonfinite"), lost,
    )  # fmt: skip


def end_of(database: sqlite3.Connection, weight: int) -> int | None:
    """The step of the record that the end of a training left, None where there is none.

    There no step was taken: what the constraint would move is no step's. The start is not meant:
    what the constraint makes of it is where training begins.
    """
    last = database.execute(
        "SELECT step, gradient_norm FROM records WHERE weight = ? ORDER BY step DESC LIMIT 3",
        (weight,),
    ).fetchall()
    return last[0][0] if len(last) > 2 and last[0][1] is None and last[1][1] is not None else None


def arrays(database: sqlite3.Connection, weight: int, kind: str) -> Iterable[tuple[Any, ...]]:
    """What was kept whole of a weight, in order of the steps.

    The step; the bytes before the constraint and after it; the least and the largest entry before
    and after.

    Args:
        database: A log.
        weight: Its number.
        kind: `"histogram"` or `"tensor"`.
    """
    return database.execute(
        """SELECT step, old.content, new.content,
               before_minimum, before_maximum, after_minimum, after_maximum
           FROM arrays AS old JOIN arrays AS new USING (weight, step)
           JOIN records USING (weight, step)
           WHERE weight = ? AND old.kind = ? AND new.kind = ? ORDER BY step""",
        (weight, f"{kind} before", f"{kind} after"),
    )
