"""What a log costs beside training: a long log read, a writer killed. See bench_log_steps.py.

python benchmarks/bench_log.py read
python benchmarks/bench_log.py kill
python benchmarks/bench_log.py scale [--source OTHER/src]

The last one gives a log of a million records to each thing that reads it, in a process of its own,
without Keras; with the source of another version both take turns, on the same file.
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


_READERS = {
    "summary": "_command._print(*_command._digests(path, None, None))",
    "--follow, a look": "_command._digests(path, None, None)",
    "--html": "_command._write(path, None, None, str(out), None, None)",
    "--csv": "_command._write(path, None, None, None, str(out), None)",
    "--parquet": "_command._write(path, None, None, None, None, str(out))",
    "read, all": "_reading.frame(path, None, None)",
    "read, one weight": "_reading.frame(path, 'layer_0/kernel', None)",
}
"""What reads a log, after the import of what all of it needs."""

_READER = """
import sys, time, resource, contextlib, io
from pathlib import Path
from types import ModuleType
package = sys.modules["constrainit"] = ModuleType("constrainit")
package.__path__ = [sys.argv[1]]
import numpy, pandas, pyarrow.csv, pyarrow.parquet, jinja2, rich.table
from constrainit import _text
from constrainit.log import _command, _reading, _summary
path, out = Path(sys.argv[2]), Path(sys.argv[3])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began, spent = time.perf_counter(), time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    exec(sys.argv[4])
wall, spent = time.perf_counter() - began, time.process_time() - spent
more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(wall, spent, more / 1024, out.stat().st_size / 2**20 if out.exists() else 0)
"""


def scale(count: int, many: int, times: int, sources: list[str]) -> None:
    """A log of a million records of some weights, to all that reads it."""
    storage, _, writing = _storage()
    import numpy as np

    names = [f"layer_{i}/kernel" for i in range(many)]
    draws = np.random.default_rng(0).random((997, len(storage.COLUMNS)), "float32").tolist()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        writer = writing.Writer(path)
        writer.begin({}, [storage.Weight(n, (9, 9), "float32", "a box") for n in names], 0)
        for step in range(count // many):
            for place, name in enumerate(names):
                writer.add(name, step, draws[(step * many + place) % len(draws)])
            writer.tick()
        writer.commit()
        writer.close()
        print(f"{count:,} records of {many} weights, {path.stat().st_size / 2**20:.0f} MiB")
        for name, code in _READERS.items():
            for source in sources:
                found = [_read_by(source, path, Path(folder) / "out", code) for _ in range(times)]
                wall, spent, memory, size = map(min, zip(*found, strict=True))
                print(
                    f"{name:17} {wall:6.2f} s ({spent:.2f} s of the processor), {memory:5.0f} MiB "
                    f"more memory, {size:5.1f} MiB written: {source}",
                    flush=True,
                )


def _read_by(source, path, out, code):
    arguments = [str(Path(source) / "constrainit"), str(path), str(out), code]
    done = subprocess.run(
        [sys.executable, "-c", _READER, *arguments], capture_output=True, text=True, check=True
    )
    out.unlink(missing_ok=True)
    return [float(number) for number in done.stdout.split()]


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
    parser.add_argument("part", choices=["read", "kill", "scale"], nargs="?", default="read")
    parser.add_argument("--source", action="append", default=[], help="Another version's src.")
    parser.add_argument("--weights", type=int, default=100, help="Of `scale`.")
    parser.add_argument("--times", type=int, default=3, help="Of `scale`, the best of so many.")
    given = parser.parse_args()
    if given.part == "read":
        read(1_000_000)
    elif given.part == "kill":
        kill(50)
    else:
        scale(1_000_000, given.weights, given.times, [*given.source, str(SOURCE.parent)])
