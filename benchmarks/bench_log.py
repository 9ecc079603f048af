"""What a log costs: a training with and without it, a long log read, a writer killed.

python benchmarks/bench_log.py overhead     # on the backend that KERAS_BACKEND names
python benchmarks/bench_log.py read
python benchmarks/bench_log.py kill
"""

import argparse
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).parents[1] / "src" / "constrainit"
STEPS, EPOCHS, BATCH = 100, 2, 32

_CHILD = """
import sys
from pathlib import Path
from types import ModuleType
package = sys.modules["constrainit"] = ModuleType("constrainit")
package.__path__ = [sys.argv[2]]
from constrainit.log._storage import COLUMNS, Weight, Writer
writer = Writer(Path(sys.argv[1]), seconds=0)
writer.begin({}, [Weight("w", (2,), "float32", None)], 0)
for step in range(10**9):
    writer.add("w", step, [float(step)] * len(COLUMNS))
    writer.add_array("w", step, "tensor after", bytes(4000))
    writer.commit()
    print(step, flush=True)
"""


def overhead(rounds: int) -> None:
    """The time of a step of 2 x Dense(1024): without a log, at the default cadence, at every step.

    And with `StopAtFault`. The four are trained in turns; an epoch is 100 steps, the first one
    (which compiles) is left out, and the median of the others counts.
    """
    import keras
    import numpy as np

    import constrainit as ci

    class Timer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            if epoch:
                times[name].append((time.perf_counter() - self.started) / STEPS)

    x = np.random.default_rng(0).normal(size=(BATCH * STEPS, 1024)).astype("float32")
    times: dict[str, list[float]] = {}
    models = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, every in (("none", 0), ("every 100", 100), ("every step", 1), ("fault", 0)):
                if name not in models:
                    layers = [
                        keras.layers.Dense(1024, **ci.constrained(kernel=ci.NonNegative())),
                        keras.layers.Dense(1024, **ci.constrained(kernel=ci.UnitNorm())),
                    ]
                    models[name] = keras.Sequential([keras.Input((1024,)), *layers])
                    models[name].compile("adam", "mse")
                    times[name] = []
                log = [ci.WeightLog(f"{folder}/{name}.db", every=every)] if every else []
                log += [ci.StopAtFault(None)] if name == "fault" else []
                # The timer ends after the log has written what it has to.
                callbacks = [*log, Timer()]
                models[name].fit(
                    x, x, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks
                )
    base = statistics.median(times["none"])
    for name, found in times.items():
        step = statistics.median(found)
        print(
            f"{keras.backend.backend():10} {name:10} {1e3 * step:7.2f} ms a step "
            f"({1e3 * min(found):.2f} to {1e3 * max(found):.2f}), {100 * (step / base - 1):+.1f} %"
        )


def _storage():
    """The file of a log without Keras."""
    package = sys.modules["constrainit"] = ModuleType("constrainit")
    package.__path__ = [str(SOURCE)]
    from constrainit.log import _reading, _storage

    return _storage, _reading


def read(count: int) -> None:
    """A log of a million records: the trajectory of one weight of a hundred."""
    storage, reading = _storage()
    weights = [storage.Weight(f"layer_{i}/kernel", (9, 9), "float32", None) for i in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        writer = storage.Writer(path)
        writer.begin({}, weights, 0)
        numbers, started = [0.5] * len(storage.COLUMNS), time.perf_counter()
        for step in range(count // len(weights)):
            for weight in weights:
                writer.add(weight.path, step, numbers)
            writer.tick()
        writer.commit()
        writer.close()
        written = time.perf_counter() - started
        started = time.perf_counter()
        frame = reading.frame(path, "layer_42/kernel", None)
        first = time.perf_counter() - started
        started = time.perf_counter()
        frame = reading.frame(path, "layer_43/kernel", None)
        print(
            f"{count:,} records: written in {written:.1f} s ({path.stat().st_size / 2**20:.0f} "
            f"MiB); one weight's {len(frame):,} read in {time.perf_counter() - started:.3f} s "
            f"(the first time, with the import of pandas, in {first:.2f} s)"
        )


def kill(times: int) -> None:
    """A writer killed at random moments: what it had committed is there, the file is sound."""
    import random

    _, reading = _storage()
    draw, committed, lost = random.Random(0), 0, 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.db"
            child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(path), str(SOURCE)],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            child.stdout.readline()
            time.sleep(draw.uniform(0, 0.3))
            child.send_signal(signal.SIGKILL)
            told = {0} | {int(line) for line in child.stdout.read().split()}
            child.wait()
            held = set(reading.frame(path, None, None)["step"])
            database = sqlite3.connect(path)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            database.close()
            committed, lost = committed + len(told), lost + len(told - held)
    print(f"killed {times} times: {committed:,} records were committed, {lost} lost; each opened")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["overhead", "read", "kill"])
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    if given.part == "overhead":
        overhead(given.rounds)
    elif given.part == "read":
        read(1_000_000)
    else:
        kill(50)
