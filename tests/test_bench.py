"""The benchmark of sets runs, in small; that of ten thousand steps leaves no map out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.in_turns(every=4)

# Scripts are the same for every backend.

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_sets.py"


def test_every_set_with_a_map_is_endured(monkeypatch):
    """One that is straight through, too."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import smooth_long

    assert "Grid(1, -1, 1)" in smooth_long.SETS
    assert smooth_long.left_out() == set()
    monkeypatch.setattr(smooth_long, "SETS", [s for s in smooth_long.SETS if "Grid" not in s])
    assert smooth_long.left_out() == {"Grid"}


def test_quick_run_of_one_set():
    """A table with our set and Keras' constraint, and the price of a step; nothing is written."""
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--sets", "NonNegative"],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    for words in ("NonNegative(), 64x64", "Keras NonNeg", "training step"):
        assert words in run.stdout
