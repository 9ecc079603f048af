"""The command lines that the documents and the workflow show, read by the parser of the command."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from constrainit.cli import cli

pytestmark = pytest.mark.in_turns(every=4)

# Files, command lines and texts are the same for every backend.

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "examples" / "github" / "constrainit.yml"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODEL = """
import keras
import numpy as np

def make_model():
    layer = keras.layers.Dense(2, kernel_constraint="non_neg")
    return keras.Sequential([keras.Input((5,)), layer])

def make_batch():
    return np.ones((4, 5), "float32"), np.ones((4, 2), "float32")
"""


def steps():
    """What the workflow runs, each on a line of its own."""
    return re.findall(r"^\s+(?:- )?run: (.+)$", WORKFLOW.read_text(), re.MULTILINE)


def lines():
    """Every line of a shell that begins with the command, or has it behind a pipe."""
    fenced = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    blocks = [block for page in PAGES for block in fenced.findall(page.read_text())]
    shown = [line for block in blocks for line in block.splitlines()] + steps()
    found = [re.search(r"(?:^|[\s/])constrainit (?=[a-z])(.*)", line) for line in shown]
    return sorted({one[1].strip() for one in found if one is not None})


def test_there_are_some():
    """Both the pages and the workflow have them."""
    assert len(lines()) > 5
    assert sum("constrainit" in step for step in steps()) >= 3


@pytest.mark.parametrize("line", lines())
def test_a_line_is_read(line):
    """Every option is one that the command has, with a value that it takes."""
    name, *given = shlex.split(line, comments=True)
    command = cli.commands[name]
    given = [one for one in given if one != "..."] or ["model.keras"]
    command.make_context(name, given)


def test_the_workflow_runs(tmp_path, monkeypatch):
    """On a project as its first lines say: the findings are where the next step looks for them."""
    (tmp_path / "train.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    [line] = [step for step in steps() if step.startswith("constrainit doctor")]
    result = CliRunner().invoke(cli, shlex.split(line)[1:])
    assert result.exit_code == 1, result.output
    [upload] = re.findall(r"sarif_file: (\S+)", WORKFLOW.read_text())
    assert '"CW101"' in (tmp_path / upload).read_text()
