"""The command line: exit codes, one clear message, nothing left behind."""

import json
import signal
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras.src.saving import object_registration

from constrainit._catalogue import entries, markdown
from constrainit.cli import cli
from constrainit.doctor.rules import RULES

MODELS = """
import constrainit as ci
import keras
import numpy as np
import time

@keras.saving.register_keras_serializable("test_cli")
class Own(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def dense(**arguments):
    return keras.layers.Dense(2, kernel_constraint="non_neg", name="dense", **arguments)

def sick():
    return keras.Sequential([keras.Input((5,)), dense()], name="sick")

def healthy():
    inside = keras.initializers.RandomUniform(0.0, 1.0, seed=1)
    return keras.Sequential([keras.Input((5,)), dense(kernel_initializer=inside)], name="fine")

def shapeless():
    return keras.Sequential([dense()])

def unbuildable():
    return keras.Sequential([keras.layers.Conv2D(2, 3), dense()])

def own():
    return keras.Sequential([keras.Input((5,)), Own(), dense()], name="own")

def helper():
    return 1 / 0

def raises():
    return helper()

def misfit():
    layer = keras.layers.Dense(2, **ci.constrained(bias=ci.Orthogonal()))
    return keras.Sequential([keras.Input((5,)), layer])

def exits():
    raise SystemExit(0)

def wrong():
    return "a model"

def slow():
    print("ready", flush=True)
    time.sleep(60)

not_callable = 3
"""
BATCH = """

def make_batch():
    return np.ones((4, 5), "float32"), np.ones((4, 2), "float32")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with `models.py` and `batched.py`; imports are undone afterwards."""
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "batched.py").write_text(MODELS.replace("test_cli", "test_cli_batched") + BATCH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) & {"models", "batched", "broken", "exiting"} - before:
        del sys.modules[name]


def doctor(*arguments, exit_code):
    """Runs `constrainit doctor` in this process; one message on stderr where it could not run."""
    result = CliRunner().invoke(cli, ["doctor", *map(str, arguments)])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert isinstance(result.exception, (SystemExit, type(None)))
    if exit_code == 2:
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr
    assert "\x1b" not in result.stdout
    return result.stdout


def test_healthy_is_0_and_findings_are_1(folder):
    """The status says what was found: 0 healthy, 1 findings; the report names them."""
    assert "healthy" in doctor("batched.py:healthy", exit_code=0)
    text = doctor("batched.py:sick", exit_code=1)
    assert "CW101" in text
    assert "batch 4x5" in text
    assert "CW101" in doctor("models:sick", exit_code=1)


def test_json_and_output(folder):
    """`--format json` is one JSON document, on the terminal or whole in a file."""
    held = json.loads(doctor("batched.py:sick", "--format", "json", "--seed", "3", exit_code=1))
    assert held["environment"]["seed"] == 3
    assert held["findings"][0]["code"] == "CW101"
    target = folder / "report.json"
    assert doctor(
        "batched.py:sick", "--format", "json", "--seed", 3, "--output", target, exit_code=1
    ) == ""  # fmt: skip
    assert json.loads(target.read_text()) == held
    doctor("batched.py:sick", "--output", folder / "report.txt", exit_code=1)
    assert "CW101" in (folder / "report.txt").read_text()
    assert {p.name for p in folder.iterdir()} >= {"report.json", "report.txt"}
    assert not [p for p in folder.iterdir() if p.name.startswith("report.") and len(p.name) > 11]


def test_batch_from_a_file_or_drawn_from_a_shape(folder):
    """`--data` gives the arrays; `--input-shape` draws some, also for a model without a shape."""
    np.savez(folder / "data.npz", x=np.ones((3, 5), "float32"), y=np.ones((3, 2), "float32"))
    assert "batch 3x5" in doctor("models.py:sick", "--data", "data.npz", exit_code=1)
    np.savez(folder / "only_x.npz", x=np.ones((3, 5), "float32"))
    assert "targets drawn" in doctor("batched.py:sick", "--data", "only_x.npz", exit_code=1)
    assert "batch 32x7" in doctor("models.py:shapeless", "--input-shape", "7", exit_code=1)
    message = doctor("models.py:shapeless", exit_code=2)
    assert "--input-shape" in message


def test_target_that_can_not_be_had(folder):
    """A missing file, module or function, and what is no model, are one sentence each."""
    for target, words in {
        "gone.py:make": "There is no file 'gone.py'",
        "gone:make": "There is no module 'gone'",
        "gone.keras": "There is no file 'gone.keras'",
        "models.py": "TARGET must be file.py:factory, module:factory or model.keras",
        "models.py:gone": "'models' has no function 'gone'. It has: ",
        "models.py:not_callable": "'models' has no function 'not_callable'",
        "models.py:wrong": "'wrong' must return a keras.Model. It returned: 'a model'",
        "models.py:exits": "'exits' failed: SystemExit: 0",
    }.items():
        message = doctor(target, exit_code=2)
        assert words in message
        assert len(message.splitlines()) == (2 if "exits" in target else 1)


def test_factory_that_raises_shows_the_users_frames_only(folder):
    """What the user's code raised is shown with the user's own lines, outermost first."""
    message = doctor("models.py:raises", exit_code=2)
    lines = message.splitlines()
    assert lines[0] == "constrainit: 'raises' failed: ZeroDivisionError: division by zero"
    assert [line.split(" in ")[1] for line in lines[1:]] == [
        "raises: return helper()", "helper: return 1 / 0",
    ]  # fmt: skip
    lines = doctor("models.py:misfit", exit_code=2).splitlines()
    assert "ValueError" in lines[0]
    assert all("models.py" in line for line in lines[1:])
    (folder / "broken.py").write_text("import no_such_module_at_all\n")
    assert "ModuleNotFoundError" in doctor("broken.py:make", exit_code=2)
    assert "no_such_module_at_all" in doctor("broken:make", exit_code=2)
    (folder / "exiting.py").write_text("import sys\nsys.exit()\n")
    assert "SystemExit" in doctor("exiting.py:make", exit_code=2)


def test_unbuildable_model_is_a_finding_with_the_layer(folder):
    """A model whose layers reject the input shape is diagnosed: the build stage raises."""
    text = doctor("models.py:unbuildable", "--input-shape", "5", exit_code=1)
    assert "CW001" in text
    assert "build stage" in text


def test_bad_data_and_bad_options(folder):
    """Data that does not fit, pickles, damaged files and bad options end with status 2."""
    np.savez(folder / "wide.npz", x=np.ones((3, 6), "float32"))
    np.savez(folder / "named.npz", a=np.ones(3))
    np.savez(folder / "objects.npz", x=np.array([{"a": 1}], dtype=object))
    np.save(folder / "one.npy", np.ones((3, 5)))
    (folder / "one.npy").rename(folder / "one.npz")
    (folder / "text.npz").write_text("no archive")
    (folder / "cut.npz").write_bytes((folder / "wide.npz").read_bytes()[:60])
    for data, words in {
        "gone.npz": "There is no file 'gone.npz'",
        "wide.npz": "wide.npz has the shape (3, 6), but the model takes ('batch', 5)",
        "named.npz": "must hold an array 'x', and 'y' for the targets. It holds: 'a'",
        "objects.npz": "is no .npz file of plain arrays: 'x.npy' holds Python objects",
        "one.npz": "is no .npz file",
        "text.npz": "is no .npz file",
        "cut.npz": "is no .npz file",
    }.items():
        assert words in doctor("models.py:sick", "--data", data, exit_code=2)
    for shape in ("five", "0", "3,", "-1"):
        message = doctor("models.py:sick", "--input-shape", shape, exit_code=2)
        assert "--input-shape must be positive integers" in message
    assert "text" in doctor("models.py:sick", "--format", "pdf", exit_code=2)


def test_output_that_can_not_be_written(folder):
    """No folder, or a folder in the way: one message, before any work where that is possible."""
    message = doctor("batched.py:sick", "--output", folder / "no" / "report.txt", exit_code=2)
    assert "There is no folder" in message
    (folder / "taken").mkdir()
    (folder / "taken" / "inside").write_text("")
    assert "can not be written" in doctor(
        "batched.py:sick", "--output", folder / "taken", exit_code=2
    )
    assert not [
        path for path in folder.iterdir() if path.name.startswith("taken") and path.is_file()
    ]


# Saved models


@pytest.fixture
def unregistered(monkeypatch):
    """What is registered with Keras during a test is forgotten in the middle, on request."""
    names, objects = object_registration.GLOBAL_CUSTOM_NAMES, object_registration

    def forget():
        for registered in [n for n in objects.GLOBAL_CUSTOM_OBJECTS if n.startswith("test_cli")]:
            names.pop(objects.GLOBAL_CUSTOM_OBJECTS.pop(registered))
        for module in ("models", "batched"):
            sys.modules.pop(module, None)

    return forget


def saved(folder, factory):
    sys.path.insert(0, str(folder))
    import models

    path = folder / f"{factory}.keras"
    getattr(models, factory)().save(path)
    return path


def test_saved_model(folder, unregistered):
    """A .keras file is diagnosed; one that needs custom objects says how to get them."""
    assert "CW101" in doctor(saved(folder, "sick"), exit_code=1)
    own = saved(folder, "own")
    unregistered()
    (folder / "models.py").rename(folder / "objects.py")
    message = doctor(own, exit_code=2)
    assert "needs the custom object 'Own'" in message
    assert "--import MODULE" in message
    assert "CW101" in doctor(own, "--import", "objects", exit_code=1)
    del sys.modules["objects"]


def test_damaged_saved_model(folder):
    """A file that is cut short, empty, or no model at all is said to be so."""
    path = saved(folder, "sick")
    whole = path.read_bytes()
    for name, content in {
        "empty": b"", "cut": whole[: len(whole) // 2], "text": b"not a model at all" * 99,
    }.items():  # fmt: skip
        (folder / f"{name}.keras").write_bytes(content)
        assert "is no Keras archive" in doctor(f"{name}.keras", exit_code=2)
    with zipfile.ZipFile(folder / "other.keras", "w") as archive:
        archive.writestr("config.json", '{"no": "model"}')
    message = doctor("other.keras", exit_code=2)
    assert "'other.keras' is not loaded: it is no Keras archive: it has no " in message
    assert len(message.splitlines()) == 1


def test_saved_lambda_is_refused_and_never_runs(folder):
    """A file that holds Python code is refused, with the reason; the code does not run."""
    trap = folder / "trap"
    code = f"lambda x: (__import__('pathlib').Path({str(trap)!r}).touch(), x)[1]"
    model = keras.Sequential([keras.Input((5,)), keras.layers.Lambda(eval(code))])
    assert trap.exists()
    trap.unlink()
    model.save(folder / "code.keras")
    message = doctor("code.keras", exit_code=2)
    assert "'code.keras' is not loaded: it holds Python code (a lambda)" in message
    assert not trap.exists()


# Whole processes


# A process in the background of a shell inherits that SIGINT is ignored.
MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from constrainit.cli import main
main()
"""


@pytest.fixture
def start(folder):
    """Starts `constrainit doctor` as a process of its own, which does not outlive the test."""
    started = []

    def begin(*arguments):
        command = [sys.executable, "-u", "-c", MAIN, "doctor", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=folder, **pipes))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_interruption_leaves_nothing_behind(folder, start):
    """Ctrl-C: one message, status 2, no report and no temporary file."""
    before = {path.name for path in folder.iterdir()}
    process = start("models.py:slow", "--output", "report.txt")
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert errors.splitlines()[-1] == "constrainit: interrupted"
    assert "Traceback" not in errors
    assert output == ""
    assert {path.name for path in folder.iterdir()} - before <= {"__pycache__"}


def test_piped_process(start):
    """In a pipe the report is plain text on stdout, and the status is that of the findings."""
    process = start("batched.py:sick")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "CW101 infeasible-start" in output
    assert "\x1b" not in output + errors
    assert "Traceback" not in errors


def test_sets():
    """`constrainit sets` names every set; as markdown it is the page of the docs."""
    done = CliRunner().invoke(cli, ["sets"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    lines = done.output.splitlines()
    for entry in entries():
        # In a pipe nothing is cut or wrapped.
        assert any(line.startswith(f"{entry.name} ") and entry.sentence in line for line in lines)
    done = CliRunner().invoke(cli, ["sets", "--format", "markdown"])
    assert done.exit_code == 0
    assert done.output == markdown()


def test_one_set():
    """With a name all about this set is shown: its arguments, its words, what it offers."""
    done = CliRunner().invoke(cli, ["sets", "MaxNorm"])
    assert done.exit_code == 0
    assert done.output.startswith("MaxNorm(radius, axis=None)\n\nNo unit's incoming weights have")
    assert "radius: The largest allowed norm." in done.output
    assert "convex      yes\nprojection  exact\n" in done.output
    assert ">>>" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Nrom"], "There is no set 'Nrom'."),
        (["maxnorm"], "There is no set 'maxnorm'. Near to it: MaxNorm, "),
        (["MaxNorm", "--format", "markdown"], "NAME and --format markdown exclude one another."),
    ],
)
def test_one_set_refused(arguments, message):
    """An unknown name is answered by those near to it; nothing is printed to the output."""
    done = CliRunner().invoke(cli, ["sets", *arguments])
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def explain(*arguments, exit_code=0):
    done = CliRunner().invoke(cli, ["explain", *arguments])
    assert done.exit_code == exit_code, done.output
    return done.stdout if exit_code == 0 else done.stderr


def test_explain_lists_every_rule():
    """Without a code every rule has a line of its own, uncut."""
    lines = explain().splitlines()
    for rule in RULES:
        assert any(line.startswith(rule.code) and rule.page().fact in line for line in lines)


def test_explain_prints_a_page_by_code_and_by_name():
    """The page has every section; the name, and letters of another case, do as well."""
    text = explain("CW101")
    assert text == explain("infeasible-start") == explain("cw101")
    assert text.startswith("CW101 infeasible-start (warning)\n\nA weight starts outside the set")
    for heading in ("Example:", "Use instead:", "Known limits:", "Source:"):
        assert f"\n{heading}\n" in text
    assert '8, kernel_initializer="random_normal", kernel_constraint="non_neg"' in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("CW999", "There is no finding 'CW999'. Near to it: CW"),
        ("infeasable-start", "Near to it: CW101 infeasible-start"),
        ("xyz", "There is no finding 'xyz'. `constrainit explain` lists them."),
    ],
)
def test_explain_refuses_what_is_no_finding(code, message):
    """One clear error, with those near to it."""
    assert message in explain(code, exit_code=2)
