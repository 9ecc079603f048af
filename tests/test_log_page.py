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

pytestmark = pytest.mark.in_turns(every=4)

# No compiler has a part in it.

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


def _told(text):
    """What is printed without its numbers, which differ between backends."""
    text = re.sub(r"begun \S+:|Keras \S+ on \w+ \S+,|[─]+", "", text)
    return " ".join(re.sub(r"nan|-?\d[\d.e+-]*\d|\d", "#", text).split())


@pytest.mark.filterwarnings("ignore")
def test_the_page_of_the_log_runs(tmp_path, monkeypatch):
    """Its Python and its commands, on the files that they write themselves."""
    monkeypatch.chdir(tmp_path)
    program, read, sinks, stop, three = _blocks("log.md", "python")
    first, commands, replay = (block.splitlines() for block in _blocks("log.md", "sh"))
    table, warning = _blocks("log.md", "text")
    Path("train.py").write_text(program)
    known: dict = {"__name__": "__main__"}
    exec(program, known)
    exec(read, known)
    assert known["frame"]["step"].unique().tolist() == list(range(0, 501, 100))
    assert _told(_run(first[0], monkeypatch).output) == _told(table)
    if all(find_spec(name) for name in SINKS):
        exec(sinks, known)
    for line in commands:
        done = _run(line, monkeypatch)
        assert done.exit_code == 0, (line, done.output)
    assert {"page.html", "run.csv", "run.parquet"} <= {f.name for f in Path().iterdir()}
    with pytest.warns(UserWarning, match="not finite") as warned:
        exec(stop, known)
    assert _told(warning) in {_told(str(one.message)) for one in warned}
    (fault,) = known["stop"].faults
    assert fault.stage == "batch"
    known["checkpoint"] = keras.callbacks.ModelCheckpoint("m.keras")
    exec(three, known)
    for command in (*replay, "constrainit doctor m.keras --replay fault.npz"):
        done = _run(command, monkeypatch)
        assert "replayed from fault.npz" in done.output, done.output
        assert "CW604" in done.output
        assert "x holds 8 entries of 256 that are NaN or infinite" in done.output


def _run(line, monkeypatch):
    """A command without its comment; one that goes on is interrupted."""

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_command.time, "sleep", interrupted)
        name, *arguments = shlex.split(line, comments=True)
        assert name == "constrainit"
        return CliRunner().invoke(cli, arguments)
