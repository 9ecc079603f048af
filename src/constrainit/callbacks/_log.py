"""`WeightLog`: every constrained weight before and after its constraint, step by step."""

import atexit
import contextlib
import functools
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from constrainit import _checks
from constrainit._signatures import Told
from constrainit._warning import warn
from constrainit.callbacks._late import waits
from constrainit.callbacks._log_choice import chosen
from constrainit.callbacks._log_hub import is_chief, trainings_with
from constrainit.callbacks._log_output import Output
from constrainit.callbacks._log_reach import Reach
from constrainit.callbacks._log_watch import Watch
from constrainit.log._writer import written_elsewhere
from constrainit.model import check_built

_SECONDS = 0.5
"""How long rows wait at most on the device until they are read."""

_writing: "weakref.WeakValueDictionary[str, WeightLog]" = weakref.WeakValueDictionary()


@functools.cache
def _close_at_exit():
    """To be called behind the opening of a file: what is registered last is done first.

    The file is closed by a `weakref.finalize`, whose time is that of the first one in the program.
    """

    def close_all():
        for log in list(_writing.values()):
            log.close()

    atexit.register(close_all)


class WeightLog(Told, Reach):
    """Writes each constrained weight before and after its constraint into a file, as `fit` goes on.

    A record holds, of one weight at one step: minimum, maximum, mean, deviation, norm and number
    of non-finite entries before the constraint and after it; how far outside the weight was before
    (`violation`) and how far the constraint moved it (`moved`, Euclidean); the shares of its
    entries that were moved and that lie at a bound afterwards (of its units, for sets of norms);
    the norm of the gradient, and that of the optimizer's update over the norm of the weight. What
    does not exist is missing: a violation where there is no set, a gradient at the start.

    The start is step 0: what the constraint would make of the weight as it starts. Steps are
    changes of the weights, as the optimizer counts them; training that is resumed goes on in the
    same run of the log, one that begins anew adds a run. The numbers are computed on the device,
    inside of the step, or behind it on JAX; between two logged steps nothing is computed and
    nothing waits.

    Args:
        path: The file, an SQLite database. Read it with `WeightLog.read` or `constrainit log`,
            also while it is being written.
        every: At how many steps a record is made.
        weights: Which weights, also without a constraint: a pattern as for `constrain`, or a list
            of patterns. None: those that have a constraint.
        histograms: The number of bins of a histogram before and after, or 0 for none.
        tensors: Weights of at most so many entries are kept whole, before and after.
        sinks: What else gets the numbers: `TensorBoardSink(folder)`, `WandbSink()` or
            `MlflowSink()` of `constrainit.log`, or any object with `write(step, records)` and
            `close()`.

    Raises:
        ValueError: An argument is not of its kind, or there is no folder for the file; at the start
            of `fit`: the model can not be built, a pattern matches nothing, or the file is not
            usable as a log.

    >>> import keras, tempfile
    >>> import numpy as np
    >>> import constrainit as ci
    >>> dense = keras.layers.Dense(1, kernel_constraint="non_neg")
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = ci.WeightLog(f"{folder}/run.db", every=2)
    ...     _ = model.fit(np.ones((8, 3)), np.ones(8), batch_size=2, verbose=0, callbacks=[log])
    ...     ci.WeightLog.read(f"{folder}/run.db")["step"].tolist()
    [0, 2, 4]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 100,
        weights: str | list[str] | None = None,
        histograms: int = 0,
        tensors: int = 0,
        sinks: Any = (),
    ):
        super().__init__()
        path = _checks.file_path("WeightLog", "path", path)
        _checks.in_folder("WeightLog", "path", path)
        self.every = _checks.count("WeightLog", "every", every)
        self.weights = (
            None if weights is None else _checks.patterns("WeightLog", "weights", weights)
        )
        self.histograms = _checks.count("WeightLog", "histograms", histograms, least=0)
        self.tensors = _checks.count("WeightLog", "tensors", tensors, least=0)
        sinks = list(sinks) if isinstance(sinks, (list, tuple)) else [sinks]
        for sink in sinks:
            if isinstance(sink, type):
                made = "be sinks, not classes of them: write WandbSink() in place of WandbSink"
                raise _checks.fail("WeightLog", "sinks", made, sink)
            if not all(callable(getattr(sink, name, None)) for name in ("write", "close")):
                wanted = "be sinks, such as TensorBoardSink(folder)"
                raise _checks.fail("WeightLog", "sinks", wanted, sink)
        self._output = Output(path, sinks)
        self._watch: Watch | None = None
        self._is_running = False

    @property
    def path(self) -> Path:
        """The file."""
        return self._output.path

    @property
    def sinks(self) -> list[Any]:
        """What else gets the numbers."""
        return self._output.sinks

    @staticmethod
    def read(
        path: str | os.PathLike[str],
        weights: str | None = None,
        run: int | None = None,
        arrays: str | None = None,
    ) -> Any:
        """The records of a log as a pandas frame, one row for each weight and step.

        What this thread is writing into the file is written first.

        Args:
            path: The file; it may still be written.
            weights: A pattern: `"dense/kernel"`, `"*/kernel"`. None: all.
            run: The number of a run, from 1. None: the last one.
            arrays: `"histograms"` or `"tensors"`: not the numbers, but the arrays `before` and
                `after` that were kept. The bins of a histogram are equally wide, from
                `before_minimum` to `before_maximum`, and so on.

        Raises:
            ValueError: There is no such file, run, weight or kind of arrays, or it is no log.
            ImportError: pandas is not installed.
        """
        from constrainit.log._reading import frame

        path = Path(path)
        writing = _writing.get(str(path.resolve()))
        if writing is not None and writing._thread == threading.get_ident():
            writing._flush()
        return frame(path, weights, run, arrays)

    # As `fit` goes on. Not at the end of a batch: whoever asks for that makes `fit` wait for every
    # step.

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the file and reaches into the optimizer."""
        if self._is_running and trainings_with(self) > 1:
            raise written_elsewhere(self.path)
        self.close()
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            raise ValueError("`WeightLog` needs a model that is compiled with an optimizer.")
        if waits(self):
            return
        check_built(self.model, "WeightLog")
        self._watch = chosen(self.model, self.weights, self.histograms, self.tensors)
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        if is_chief():
            self._open()
        self._attach(self._watch, self.every)
        self._is_running = False
        self._thread = threading.get_ident()

    def _open(self):
        key = str(self.path.resolve())
        other = _writing.get(key)
        if other is not None and other._is_running and other._thread == threading.get_ident():
            if other is not self and trainings_with(other):
                raise written_elsewhere(self.path)
            # A fit that was interrupted told nobody: its log is still open.
            other.close()
        self._output.open()
        _close_at_exit()
        _writing[key] = self

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before the first step: what may have been loaded has been, and the start is logged."""
        if self._is_running or self._watch is None:
            return
        self._is_running, self._is_trained, self._is_undone = True, False, False
        step = self._begun = self._step()
        self._last = step
        self._read = time.monotonic()
        fresh = self._output.begin(self.model, self.every, self._watch, step)
        now = self._watch.now()
        if fresh:
            self._output.put(step, now)
        self._output.commit()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Reads what the steps before have left, now and then."""
        self._is_trained = True
        if self._waits and time.monotonic() - self._read > _SECONDS:
            self._drain()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Reads and writes what there is."""
        self._drain()
        self._output.commit()

    def on_train_end(self, logs: Any = None) -> None:
        """Logs the end, if its step was not, and lets go of the optimizer and of the file."""
        self._drain()
        if self._watch is not None and self._is_running:
            step = self._step()
            if step > self._last:
                self._output.put(step, self._watch.now())
            # Of steps that were undone whoever undid them has told.
            stands = step == self._begun and not self._is_undone
            if stands and self._is_trained and is_chief():
                self._say_nothing_was_logged()
        self._output.commit()
        self.close()

    def close(self) -> None:
        """Lets go of the optimizer and of the file; `fit` does so unless it was interrupted."""
        # Within a step JAX has given the state away: what it had not read yet is gone.
        with contextlib.suppress(RuntimeError):
            self._drain()
        self._detach()
        self._output.close()
        if self._watch is not None:
            self._output.close_sinks()
        self._watch = None
        self._is_running = False

    def __del__(self) -> None:
        """A `fit` that was interrupted told nobody."""
        if getattr(self, "_watch", None) is not None:
            self.close()

    # What is new

    def _say_nothing_was_logged(self):
        warn(
            f"{type(self._optimizer()).__name__}, the optimizer that the model was compiled with, "
            f"has made no step: the log {str(self.path)!r} holds no more than the start. "
            f"{self._why_no_step()}"
        )

    def _flush(self):
        with contextlib.suppress(RuntimeError):
            self._drain()
        self._output.commit()

    def _drain(self):
        if self._watch is None or not self._is_running:
            return
        back, found = self._found()
        if back is not None:
            self._go_back(back)
        for place, (rows, part) in enumerate(found):
            for step, row in rows:
                self._last = max(self._last, step)
                self._output.put(step, part.split(row))
                if place == 0:
                    self._output.put(step, self._watch.rest(self._trained, self._other))
        self._read = time.monotonic()
        self._output.tick()

    def _go_back(self, step):
        """Another callback has undone what came behind a step."""
        self._is_undone, self._last = True, min(self._last, step)
        self._output.go_back(step)
