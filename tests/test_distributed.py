"""Training on several devices and in several processes ends where one machine ends."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import constrainit as ci

pytestmark = pytest.mark.everywhere

SCRIPT = Path(__file__).parent / "engines_of_distribution.py"
SHARDED = Path(__file__).parents[1] / "benchmarks" / "bench_sharded.py"
PAGE = Path(__file__).parents[1] / "docs" / "sharding.md"
# Engines by backend, with the number of their processes.
ENGINES = {
    "jax": {"data": 1, "model": 1, "processes": 2},
    "tensorflow": {"mirrored": 1, "workers": 2},
    "torch": {"ddp": 2},
}[keras.backend.backend()]
FITTED = ("data", "model", "processes", "mirrored")
"""Those that `fit` runs on."""


def free_ports():
    """A port that is free, as is the next one, a moment ago."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            try:
                two.bind(("127.0.0.1", one.getsockname()[1] + 1))
            except OSError:
                continue
            return one.getsockname()[1]


def start(engine, target, *place):
    """The script in a process of its own, on the backend of this one."""
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    command = [sys.executable, str(SCRIPT), engine, str(target), *map(str, place)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(processes):
    """Waits for processes that end well."""
    try:
        for process in processes:
            said, _ = process.communicate(timeout=400)
            assert process.returncode == 0, said
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def weights(path):
    """The weights that a process wrote."""
    with np.load(path) as stored:
        return [stored[name] for name in stored.files]


def test_engines_agree_with_one_machine(tmp_path):
    """After fifty steps weights differ by 1e-6 of the largest at most, and obey on each engine.

    Where `fit` can run, one process writes the log, the same one, and a fault is undone on all.
    """
    processes = [start("one", tmp_path / "one")]
    for engine, count in ENGINES.items():
        port = free_ports()
        places = [(rank, port) for rank in range(count)] if count > 1 else [()]
        processes += [start(engine, tmp_path / engine, *place) for place in places]
    finish(processes)
    alone = weights(tmp_path / "one.0.npz")
    log = None
    if set(ENGINES) & set(FITTED):
        log = ci.WeightLog.read(tmp_path / "one.db")
        assert sorted(set(log["step"])) == [0, 20, 40, 50]
    for engine, count in ENGINES.items():
        for rank in range(count):
            for one, other in zip(alone, weights(tmp_path / f"{engine}.{rank}.npz"), strict=True):
                assert np.abs(one - other).max() <= 1e-6 * np.abs(one).max(), engine
        if engine in FITTED:
            found = ci.WeightLog.read(tmp_path / f"{engine}.db")
            assert found["weight"].tolist() == log["weight"].tolist()
            for name in ("after_norm", "moved", "gradient_norm"):
                if engine != "mirrored" or name != "gradient_norm":
                    np.testing.assert_allclose(found[name], log[name], 1e-4, 1e-6, err_msg=engine)


def test_every_set_has_a_row_on_the_page():
    """Or a reason why it has none; and what the page says is one table."""
    rows = re.findall(r"^\| `(\w+)\(.*\)` \| [\d,]+ \| [\d,]+ \|$", PAGE.read_text(), re.MULTILINE)
    source = SHARDED.read_text()
    listed = re.findall(r'^    "(\w+)\(.*\)": ci\.\1\(', source, re.MULTILINE)
    assert rows == listed
    left_out = re.findall(
        r'"([A-Z]\w+)"', source[source.index("LEFT_OUT") : source.index("HEAD =")]
    )
    assert sorted([*listed, *left_out, "as_set"]) == sorted(ci.sets.__all__)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="reads a program compiled by JAX")
def test_no_gather_where_units_are_spread(tmp_path):
    """A set of each unit sends flags if whole units lie on a device, less than a weight else."""
    names = ["NonNegative()", "UnitNorm()", "SumTo(1)", "Simplex()"]
    command = [sys.executable, str(SHARDED), "--json", str(tmp_path / "bytes.json"), *names]
    subprocess.run(command, check=True, capture_output=True)
    sent = json.loads((tmp_path / "bytes.json").read_text())
    for name in names:
        # Whether all devices are done, or one has a weight that is too large to be squared.
        assert sent[name][0] <= 8, name
        assert sent[name][1] < 256 * 256 * 4 / 8, name
    assert sent["UnitNorm()"][1] > 0
