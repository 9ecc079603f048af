"""The doctor over a plain script that imports Keras and fits one batch of the same model.

Both are whole processes, run in turn; the figure is the ratio of the medians.
"""

import statistics
import subprocess
import sys
import time

RUNS = 3
MODELS = (
    # What the doctor looks at, and what fits: the article's second program can not be fitted, the
    # third is the same model with a constraint that runs.
    ("examples/article/bounded.py", "examples/article/max_norm.py"),
    ("examples/article/max_norm.py", "examples/article/max_norm.py"),
    ("examples/mobilenet.py", "examples/mobilenet.py"),
)
PLAIN = """
import importlib.util, sys
import keras
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
model = program.make_model()
x, y = program.make_batch()
model.fit(x, y, batch_size=len(x), verbose=0)
"""


def main():
    """Prints a line for each model."""
    for path, fitted in MODELS:
        commands = {
            "fit one batch": [sys.executable, "-c", PLAIN, fitted],
            "doctor": [sys.executable, "-m", "constrainit", "doctor", f"{path}:make_model"],
        }
        times = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                times[name].append(seconds(command))
        medians = {name: statistics.median(values) for name, values in times.items()}
        ratio = medians["doctor"] / medians["fit one batch"]
        shown = ", ".join(
            f"{name} {medians[name]:.1f} s ({min(t):.1f} to {max(t):.1f})"
            for name, t in times.items()
        )
        print(f"{path}: {shown}; ratio {ratio:.2f} (goal: at most 2)", flush=True)


def seconds(command):
    """Wall time of a process; the doctor exits with 1 when it finds something."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise RuntimeError(done.stderr[-2000:])
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
