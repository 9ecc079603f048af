"""What docs/log.md and the first lines of docs/hold.md show runs as it stands, in their order."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import constrainit as ci
from constrainit.cli import cli
from constrainit.log import _command

DOCS = Path(__file__).parents[1] / "docs"
SINKS = ("tensorboard", "wandb", "mlflow")
MAKE = """
import keras
import constrainit as ci


def make_model():
    layer = keras.layers.Dense(2, name="last", **ci.constrained(kernel=ci.NonNegative()))
    model = keras.Sequential([keras.Input((3,)), layer], name="m")
    model.compile("sgd", "mse")
    return model
"""


def _blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)```", (DOCS / page).read_text(), re.M | re.S)


def test_the_first_line_of_hold_mends_what_is_outside(rng):
    """One callback, as the page writes it."""
    line = _blocks("hold.md", "python")[0]
    known: dict = {"ci": ci}
    exec(MAKE, known)
    model = known["make_model"]()
    model.layers[0].kernel.assign(-np.ones((3, 2), "f4"))
    exec(line, known | {"model": model, "x": np.ones((4, 3)), "y": np.zeros((4, 2))})
    assert ci.check(model).ok


@pytest.mark.filterwarnings("ignore")
def test_the_page_of_the_log_runs(tmp_path, monkeypatch):
    """Its Python and its commands, on the files that they write themselves."""
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(MAKE)
    known: dict = {"checkpoint": keras.callbacks.ModelCheckpoint("m.keras")}
    exec(MAKE, known)
    x, y = np.ones((200, 3), "float32"), np.ones((200, 2), "float32")
    known |= {"model": known["make_model"](), "x": x, "y": y}
    first, sinks, stop = _blocks("log.md", "python")
    exec(first, known)
    assert known["frame"]["step"].tolist() == [0, 7]
    if all(find_spec(name) for name in SINKS):
        exec(sinks, known)
    # A batch that is lost, for the commands to look at.
    x[32 * 4] = np.nan
    exec(stop, known)
    (fault,) = known["stop"].faults
    assert fault.stage == "batch"
    commands, replay = _blocks("log.md", "sh")
    for line in commands.splitlines():
        done = _run(line, monkeypatch)
        assert done.exit_code == 0, (line, done.output)
    assert {"page.html", "run.csv", "run.parquet"} <= {f.name for f in Path().iterdir()}
    for command in (replay, "constrainit doctor m.keras --replay fault.npz"):
        done = _run(command, monkeypatch)
        assert "replayed from fault.npz" in done.output, done.output


def _run(line, monkeypatch):
    """A command without its comment; one that goes on is interrupted."""

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_command.time, "sleep", interrupted)
        name, *arguments = shlex.split(line, comments=True)
        assert name == "constrainit"
        return CliRunner().invoke(cli, arguments)
