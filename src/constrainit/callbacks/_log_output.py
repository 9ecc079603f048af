"""Where the records of a `WeightLog` go: its file, which must end no training, and its sinks."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import keras

from constrainit._warning import warn
from constrainit.callbacks._log_hub import is_chief
from constrainit.callbacks._log_watch import Record, Watch
from constrainit.log._storage import COLUMNS
from constrainit.log._writer import Writer


class Output:
    """The file of a log, written by the first process only, and its sinks.

    A sink that fails at its first records is misused, and that is raised; one that fails later,
    such as a server that is gone, is left out of the rest of the training with one warning.

    Args:
        path: The file.
        sinks: Objects with `write(step, records)` and `close()`.

    Attributes:
        writer: What writes the file, None where it is not, or can no more be, written.
    """

    def __init__(self, path: str | os.PathLike[str], sinks: list[Any]):
        self.path, self.sinks = Path(path), sinks
        self.writer: Writer | None = None
        self._names: dict[str, str] = {}
        # By the id of a sink whether its last records were taken.
        self._taken: dict[int, bool] = {}

    def open(self) -> None:
        """Begins to write the file.

        Raises:
            LogError: It is not usable as a log, or somebody else writes it.
        """
        self.writer = Writer(self.path)

    def begin(self, model: keras.Model, every: int, watch: Watch, step: int) -> bool:
        """Begins a run or goes on with the last; whether the start is to be logged."""
        if self.writer is None:
            return True
        fresh = self._guarded(self.writer.begin, _about(model, every), watch.weights, step)
        self._names = {} if self.writer is None else self.writer.names
        return bool(fresh)

    def put(self, step: int, found: dict[str, Record]) -> None:
        """Takes the records of a step, by the paths of the weights."""
        if not found or not is_chief():
            return
        for path, record in found.items():
            if self.writer is not None:
                self.writer.add(path, step, record.numbers)
                for kind, content in record.arrays.items():
                    self.writer.add_array(path, step, kind, content)
        told = {
            self._names.get(path, path): dict(zip(COLUMNS, record.numbers, strict=True))
            for path, record in found.items()
        }
        for sink in self.sinks:
            self._tell(sink, step, told)

    def _tell(self, sink, step, told):
        if not self._taken.get(id(sink), True):
            return
        try:
            sink.write(step, told)
            self._taken[id(sink)] = True
        except Exception as reason:
            if id(sink) not in self._taken:
                raise
            self._taken[id(sink)] = False
            self._warn(sink, reason)

    def _warn(self, sink, reason):
        warn(
            f"{type(sink).__name__} of the log {str(self.path)!r} can not be written any more: "
            f"{type(reason).__name__}: {reason}. Training goes on without it; "
            f"{str(self.path)!r} holds what it lacks."
        )

    def go_back(self, step: int) -> None:
        """Takes back what lies behind a step. A sink keeps it."""
        if self.writer is not None:
            self._guarded(self.writer.go_back, step)

    def tick(self) -> None:
        """Commits what has waited long enough."""
        if self.writer is not None:
            self._guarded(self.writer.tick)

    def commit(self) -> None:
        """Commits what there is."""
        if self.writer is not None:
            self._guarded(self.writer.commit)

    def close(self) -> None:
        """Commits what there is, and lets go of the file."""
        self.commit()
        if self.writer is not None:
            self.writer.close()
        self.writer = None

    def close_sinks(self) -> None:
        """Tells the sinks that a training has ended."""
        for sink in self.sinks:
            try:
                sink.close()
            except Exception as reason:
                if self._taken.get(id(sink), True):
                    self._warn(sink, reason)
        self._taken = {}

    def _guarded(self, act, *args):
        """Does something to the file; a training must not end because a disk is full."""
        try:
            return act(*args)
        except sqlite3.Error as reason:
            warn(
                f"The log {str(self.path)!r} can not be written any more: {reason}. Training goes "
                "on without it; what was committed stays.",
            )
            assert self.writer is not None
            self.writer.close()
            self.writer = None
            return None


def _about(model, every):
    from constrainit import __version__

    backend = keras.backend.backend()
    return {
        "model": model.name,
        "class": type(model).__name__,
        "backend": backend,
        "backend_version": __import__(backend).__version__,
        "keras": keras.__version__,
        "constrainit": __version__,
        "every": every,
    }
