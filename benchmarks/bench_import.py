"""The time of `import constrainit` beyond that of `import keras`, over many processes.

Both from compiled files, as they are wherever a package was imported once.
"""

import os
import statistics
import subprocess
import sys
import tempfile

RUNS = 9
CODE = """
import time
start = time.perf_counter()
import keras
between = time.perf_counter()
import constrainit
print(between - start, time.perf_counter() - between)
"""


def main():
    """Prints both times in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        # The first process compiles, and does not count.
        pairs = [milliseconds(environment) for _ in range(RUNS + 1)][1:]
    of_keras, own = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"import keras {of_keras:.0f} ms, import constrainit beyond it {own:.0f} ms (goal: 50 ms)"
    )


def milliseconds(environment):
    """Both times in one process."""
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [1000 * float(part) for part in done.stdout.split()]


if __name__ == "__main__":
    main()
