"""The file of a log: one SQLite database, which one process writes and any number read.

In write-ahead mode a reader sees what was committed while the writer goes on, and a process that
is killed loses what it had not committed and nothing else.
"""

import contextlib
import json
import sqlite3
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constrainit.log._lock import Lock, LockedError

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
        path: The names of the layers from the model down to the weight.
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
    mode = "rwc" if write else "ro"
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
    except sqlite3.Error as reason:
        database.close()
        raise LogError(_unusable(path, reason)) from None
    except LogError:
        database.close()
        raise
    return database


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


class Writer:
    """Writes a log; what it was given is committed in batches, by count and by time.

    Args:
        path: The file, new or a log.
        seconds: After how many seconds at most a record is committed.

    Raises:
        LogError: The file can not be written as a log, or is being written by somebody else.
    """

    def __init__(self, path: Path, seconds: float = 1.0):
        self.path, self.seconds = path, seconds
        # Before the lock, which puts a file beside it.
        connect(path, write=True).close()
        try:
            self._lock = Lock(path.with_name(path.name + ".lock"))
        except LockedError:
            raise LogError(
                f"The log {str(path)!r} is being written by another training. Give each its own "
                "path."
            ) from None
        except OSError as reason:
            raise LogError(
                f"The folder of the log {str(path)!r} takes no lock, without which two trainings "
                f"might write into one file: {reason}. Give a path on a local disk where you may "
                "write."
            ) from None
        self._database = connect(path, write=True)
        self._records: list[tuple[Any, ...]] = []
        self._arrays: list[tuple[Any, ...]] = []
        self._committed = time.monotonic()
        self._ids: dict[str, int] = {}
        self._finalizer = weakref.finalize(self, _close, self._database, self._lock)

    def begin(self, about: dict[str, Any], watched: Sequence[Weight], step: int) -> bool:
        """Goes on with the last run, or begins one, which is the answer.

        A training that begins at step 0, or with other weights than the last one, is a new run.
        What the last run holds beyond this step was computed by a training that is lost.
        """
        with self._database:
            held = runs(self._database)
            run = held[-1] if held and step > 0 else None
            if run is not None and set(weights(self._database, run.id).values()) == set(watched):
                self._delete(weights(self._database, run.id), step)
                fresh = False
            else:
                self._add_run(about, watched)
                run, fresh = runs(self._database)[-1], True
        self._ids = {w.path: i for i, w in weights(self._database, run.id).items()}
        return fresh

    def _add_run(self, about, watched):
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        made = self._database.execute(
            "INSERT INTO runs (started, about) VALUES (?, ?)", (started, json.dumps(about))
        )
        self._database.executemany(
            "INSERT INTO weights (run, path, shape, dtype, rule) VALUES (?, ?, ?, ?, ?)",
            [(made.lastrowid, w.path, json.dumps(w.shape), w.dtype, w.rule) for w in watched],
        )

    def _delete(self, ids, step):
        for table in ("records", "arrays"):
            self._database.executemany(
                f"DELETE FROM {table} WHERE weight = ? AND step > ?", [(i, step) for i in ids]
            )

    def go_back(self, step: int) -> None:
        """Takes back what the run holds behind a step, as training did.

        Raises:
            sqlite3.Error: The file can not be written.
        """
        self._records = [record for record in self._records if record[1] <= step]
        self._arrays = [array for array in self._arrays if array[1] <= step]
        with self._database:
            self._delete(self._ids.values(), step)

    def add(self, path: str, step: int, numbers: Sequence[float | None]) -> None:
        """Takes a record; `commit` or the next `tick` writes it."""
        self._records.append((self._ids[path], step, *numbers))

    def add_array(self, path: str, step: int, kind: str, content: bytes) -> None:
        """Takes an array of a weight, as little-endian float32."""
        self._arrays.append((self._ids[path], step, kind, content))

    def tick(self) -> None:
        """Commits if the oldest record has waited long enough, or too many wait.

        Raises:
            sqlite3.Error: The disk is full, or the file is gone.
        """
        many = len(self._records) >= 5000 or len(self._arrays) >= 100
        if many or time.monotonic() - self._committed >= self.seconds:
            self.commit()

    def commit(self) -> None:
        """Writes what waits.

        Raises:
            sqlite3.Error: The disk is full, or the file is gone. What was committed before stays.
        """
        self._committed = time.monotonic()
        if not self._records and not self._arrays:
            return
        marks = ", ".join("?" * (len(COLUMNS) + 2))
        with self._database:
            self._database.executemany(
                f"INSERT OR REPLACE INTO records VALUES ({marks})", self._records
            )
            self._database.executemany(
                "INSERT OR REPLACE INTO arrays VALUES (?, ?, ?, ?)", self._arrays
            )
        self._records, self._arrays = [], []

    def close(self) -> None:
        """Lets go of the file; what waits is lost, see `commit`."""
        self._finalizer()


def _close(database, lock):
    with contextlib.suppress(sqlite3.Error):
        database.close()
    lock.release()


def records(
    database: sqlite3.Connection, weight: int, after: int = -1
) -> Iterable[tuple[Any, ...]]:
    """The records of a weight behind a step, in order: the step, then the numbers."""
    named = ", ".join(COLUMNS)
    return database.execute(
        f"SELECT step, {named} FROM records WHERE weight = ? AND step > ? ORDER BY step",
        (weight, after),
    )


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
