"""What writes the file of a log, one at a time."""

import json
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from constrainit.log._lock import Lock, LockedError
from constrainit.log._storage import COLUMNS, LogError, Weight, connect, leave, runs, weights


class Writer:
    """Writes a log; what it was given is committed in batches, by count and by time.

    Args:
        path: The file, new or a log.
        seconds: After how many seconds at most a record is committed.

    Attributes:
        names: By the path of a weight the path that the run knows it by.

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
            raise written_elsewhere(path) from None
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
        self.names: dict[str, str] = {}
        self._finalizer = weakref.finalize(self, _close, self._database, self._lock)

    def begin(self, about: dict[str, Any], watched: Sequence[Weight], step: int) -> bool:
        """Goes on with the last run, or begins one, which is the answer.

        A training that begins at step 0, or with other weights than the last one, is a new run.
        What the last run holds beyond this step was computed by a training that is lost.
        """
        with self._database:
            held = runs(self._database)
            run = held[-1] if held and step > 0 else None
            known = {} if run is None else weights(self._database, run.id)
            if run is not None and [*map(_identity, known.values())] == [*map(_identity, watched)]:
                self._delete(known, step)
                fresh = False
            else:
                self._add_run(about, watched)
                run, fresh = runs(self._database)[-1], True
        known = weights(self._database, run.id)
        paths = [one.path for one in watched]
        self._ids = dict(zip(paths, known, strict=True))
        self.names = dict(zip(paths, (one.path for one in known.values()), strict=True))
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


def written_elsewhere(path: Path) -> LogError:
    """What is raised where a training would write into the log of another one."""
    return LogError(
        f"The log {str(path)!r} is being written by another training. Give each its own path."
    )


def _identity(weight):
    """What a weight is known by; in a model that is loaded its path begins at another layer."""
    return weight.path.split("/")[-2:], weight.shape, weight.dtype, weight.rule


def _close(database, lock):
    leave(database)
    lock.release()
