"""What docs/doctor.md shows is what the doctor prints, and its code runs as it stands."""

import re
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import constrainit as ci
from constrainit.cli import cli

PAGE = (Path(__file__).parents[1] / "docs" / "doctor.md").read_text()
OLD_BUILD = re.compile(r"    def build.*?\n\n", re.DOTALL)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)


def told(text):
    """A report without versions and the width of tables; of the page's backend with its numbers."""
    text = re.sub(r"Keras \S+ on \w+ \S+", "Keras", text)
    text = " ".join(text.replace("─", "").split())
    if keras.backend.backend() == "jax":
        return text
    return re.sub(r"nan|-?\d[\d.e+-]*\d|\d", "#", text)


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """Runs a command of the page in a folder of its own, with its `train.py`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "train", raising=False)
    Path("train.py").write_text(blocks("python")[0])

    def run(line, status):
        name, *arguments = shlex.split(line, comments=True)
        assert name == "constrainit"
        done = CliRunner().invoke(cli, arguments, env={"COLUMNS": "100"})
        assert done.exit_code == status, done.output
        return done.output

    yield run
    sys.modules.pop("train", None)


def test_the_first_report(doctor):
    """The broken model, the mended one with its note, and the one that is farther from the bound.

    Other backends than that of the page draw other weights: there the numbers may differ.
    """
    command = blocks("sh")[0]
    first, then = blocks("text")
    assert told(doctor(command, 1)) == told(first)
    broken = Path("train.py").read_text()
    mended = "import constrainit as ci\n" + OLD_BUILD.sub(blocks("python")[1] + "\n", broken, 1)
    Path("train.py").write_text(mended)
    assert told(doctor(command, 0)).endswith(told(then))
    Path("train.py").write_text(mended.replace("ci.NonNegative()", "ci.Positive(0.001)"))
    assert doctor(command, 0).endswith("healthy: nothing found\n")


def test_the_code_in_python(doctor, capsys):
    """`diagnose` as the page calls it, and a step that was kept, replayed."""
    _, _, calls, stop = blocks("python")
    known: dict = {}
    exec(calls, known)
    assert "CW101 model/log_sum/w {" in capsys.readouterr().out
    assert Path("report.html").exists()
    x = np.ones((4, 4), "float32")
    x[0] = np.nan
    known |= {"model": known["make_model"](), "x": x, "y": np.zeros((4, 1), "float32")}
    ci.prepare(known["model"])
    with pytest.warns(UserWarning, match=r"fault\.npz"):
        exec(stop, known)
    (replay,) = [line for block in blocks("sh") for line in block.splitlines() if "replay" in line]
    assert "replayed from fault.npz" in doctor(replay, 1)
