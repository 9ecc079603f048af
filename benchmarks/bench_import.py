"""The time of `import constrainit` beyond that of `import keras`, over many processes."""

import statistics
import subprocess
import sys

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
    pairs = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        )
        pairs.append([1000 * float(part) for part in done.stdout.split()])
    of_keras, own = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"import keras {of_keras:.0f} ms, import constrainit beyond it {own:.0f} ms (goal: 50 ms)"
    )


if __name__ == "__main__":
    main()
