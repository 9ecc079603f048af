"""Runs every benchmark on every backend. Ratios within one line were measured in one run."""

import os
import subprocess
import sys
from pathlib import Path

import keras

HERE = Path(__file__).parent
BACKENDS = ("jax", "tensorflow", "torch")


def main():
    """Prints what the benchmarks print, with the versions above."""
    for backend in BACKENDS:
        version = __import__(backend).__version__
        print(
            f"\n{backend} {version}, Keras {keras.__version__}, {os.cpu_count()} cores", flush=True
        )
        environment = {**os.environ, "KERAS_BACKEND": backend}
        for script in sorted(HERE.glob("bench_*.py")):
            print(f"{script.name}:", flush=True)
            subprocess.run([sys.executable, str(script)], env=environment, check=True)


if __name__ == "__main__":
    main()
