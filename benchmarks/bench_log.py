"""What a log costs beside training: a long log read, a writer killed. See bench_log_steps.py.

python benchmarks/bench_log.py read
python benchmarks/bench_log.py kill
"""

import argparse
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).parents[1] / "src" / "constrainit"

_CHILD = """
import sys
from pathlib import Path
from types import ModuleType
package = sys.modules["constrainit"] = ModuleType("constrainit")
package.__path__ = [sys.argv[2]]
from constrainit.log._storage import COLUMNS, Weight
from constrainit.log._writer import Writer
writer = Writer(Path(sys.argv[1]), seconds=0)
writer.begin({}, [Weight("w", (2,), "float32", None)], 0)
for step in range(10**9):
    writer.add("w", step, [float(step)] * len(COLUMNS))
    writer.add_array("w", step, "tensor after", bytes(4000))
    writer.commit()
    print(step, flush=True)
"""


def _storage():
    """The file of a log without Keras."""
    package = sys.modules["constrainit"] = ModuleType("constrainit")
    package.__path__ = [str(SOURCE)]
    from constrainit.log import _reading, _storage, _writer

    return _storage, _reading, _writer


def read(count: int) -> None:
    """A log of a million records: the trajectory of one weight of a hundred."""
    storage, reading, writing = _storage()
    weights = [storage.Weight(f"layer_{i}/kernel", (9, 9), "float32", None) for i in range(100)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        writer = writing.Writer(path)
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

    _, reading, _ = _storage()
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
    parser.add_argument("part", choices=["read", "kill"])
    given = parser.parse_args()
    if given.part == "read":
        read(1_000_000)
    else:
        kill(50)
