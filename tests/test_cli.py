"""The command line: exit codes, one clear message, nothing left behind."""

import inspect
import io
import json
import re
import signal
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import ops
from keras.src.saving import object_registration

import constrainit as ci
from constrainit._catalogue import entries, markdown
from constrainit.cli import cli
from constrainit.doctor._fix import _renamed
from constrainit.doctor.rules import RULES
from constrainit.doctor.treatments._rewriting import registered_as_before

pytestmark = pytest.mark.in_turns(every=4)

# Files, command lines and texts are the same for every backend.

MODELS = """
import constrainit as ci
import keras
import numpy as np
import time

@keras.saving.register_keras_serializable("test_cli")
class Own(keras.layers.Layer):
    def call(self, x):
        return 2 * x

@keras.saving.register_keras_serializable("test_cli")
class Positive(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.ops.maximum(w, 0.0)

def of_a_class():
    layer = keras.layers.Dense(2, kernel_constraint=Positive())
    return keras.Sequential([keras.Input((5,)), layer])

def dense(**arguments):
    return keras.layers.Dense(2, kernel_constraint="non_neg", name="dense", **arguments)

def sick():
    return keras.Sequential([keras.Input((5,)), dense()], name="sick")

def healthy():
    start = keras.initializers.RandomUniform(0.1, 1.0, seed=0)
    return keras.Sequential([keras.Input((5,)), dense(kernel_initializer=start)], name="fine")

def fed_twice():
    inputs = [keras.Input((5,), name="price"), keras.Input((3,), name="store")]
    return keras.Model(inputs, dense()(keras.layers.Concatenate()(inputs)))

def fed_by_name():
    sizes = {"price": 5, "store": 3}
    inputs = {name: keras.Input((size,), name=name) for name, size in sizes.items()}
    return keras.Model(inputs, dense()(keras.layers.Concatenate()(list(inputs.values()))))

def fed_one_name():
    price = keras.Input((5,), name="price")
    return keras.Model({"price": price}, dense()(price), name="one")

def looked_up():
    word = keras.Input((4,), dtype="int32", name="word")
    inputs = {"word": word, "age": keras.Input((1,), name="age")}
    vectors = keras.layers.Flatten()(keras.layers.Embedding(9, 2)(inputs["word"]))
    return keras.Model(inputs, dense()(keras.layers.Concatenate()([vectors, inputs["age"]])))

def of_two():
    x = keras.Input((5,))
    model = keras.Model(x, [dense()(x), keras.layers.Dense(3, name="other")(x)], name="two")
    model.compile("sgd", "mse")
    return model

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

def several():
    both = [keras.constraints.NonNeg(), keras.constraints.MaxNorm(3.0)]
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, kernel_constraint=both)])

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
    for name in set(sys.modules) & {"models", "batched", "broken", "exiting", "one"} - before:
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


@pytest.mark.usefixtures("folder")
def test_a_shape_for_each_input():
    """As many shapes as the model has inputs; else it is told which, and nothing is run."""
    shapes = ["--input-shape", "5", "--input-shape", "3"]
    text = doctor("models.py:fed_twice", *shapes, exit_code=1)
    assert "32x5" in text
    for given, count in ((shapes[:2], 1), ([*shapes, "--input-shape", "2"], 3)):
        message = doctor("models.py:fed_twice", *given, exit_code=2)
        assert "for each of the 2 inputs" in message
        assert "'price' (5,), 'store' (3,)" in message
        assert f"Received: {count}." in message


@pytest.mark.parametrize(
    ("target", "shapes"),
    [("fed_by_name", ("5", "3")), ("fed_one_name", ("5",)), ("looked_up", ("4", "1"))],
)
@pytest.mark.usefixtures("folder")
def test_shapes_go_to_the_inputs_by_name(target, shapes):
    """In the order of declaration, not of the alphabet; whole numbers where the input has them."""
    given = [part for shape in shapes for part in ("--input-shape", shape)]
    held = json.loads(doctor(f"models.py:{target}", *given, "--format", "json", exit_code=1))
    assert held["environment"]["batch"] == [[32, int(one)] for one in shapes]
    assert {found["code"] for found in held["findings"]} <= {"CW101", "CW102", "CW104"}


@pytest.mark.parametrize("target", ["models.py:fed_twice", "models.py:fed_by_name"])
def test_batch_of_several_inputs_from_a_file(folder, target):
    """An array for each input, by its name; what lacks is said, with what to write."""
    x = {"price": np.ones((3, 5), "float32"), "store": np.ones((3, 3), "float32")}
    np.savez(folder / "several.npz", y=np.ones((3, 2), "float32"), **x)
    assert "3x5" in doctor(target, "--data", "several.npz", exit_code=1)
    np.savez(folder / "one.npz", x=x["price"], y=np.ones((3, 2), "float32"))
    assert (
        "must hold an array for each input ('price', 'store'), and 'y' for the targets. It holds: "
        "'x', 'y'. Write it with np.savez(file, y=y, price=..., store=...)"
    ) in doctor(target, "--data", "one.npz", exit_code=2)
    np.savez(folder / "wide.npz", price=x["store"], store=x["store"])
    assert "wide.npz" in doctor(target, "--data", "wide.npz", exit_code=2)
    np.savez(folder / "more.npz", y=np.ones((3, 2), "float32"), rooms=np.ones(3), **x)
    assert re.search(
        r"'more.npz' must hold nothing but what '\w+' takes: 'price', 'store' for the inputs, and "
        r"'y' for the targets. It holds besides: 'rooms'.$",
        doctor(target, "--data", "more.npz", exit_code=2).strip(),
    )


def test_arrays_that_nothing_takes_are_named(folder):
    """Targets under another name were dropped, and some drawn at random in their place."""
    x, y = np.ones((3, 5), "float32"), np.ones((3, 2), "float32")
    np.savez(folder / "named.npz", x=x, labels=y)
    assert (
        "'named.npz' must hold nothing but what 'sick' takes: 'x' for the input, and 'y' for the "
        "targets. It holds besides: 'labels'. Did you mean 'y' in place of 'labels'?"
    ) in doctor("models.py:sick", "--data", "named.npz", exit_code=2)
    np.savez(folder / "both.npz", x=x, y=y, labels=y)
    assert doctor("models.py:sick", "--data", "both.npz", exit_code=2).endswith("'labels'.\n")


def test_targets_of_several_outputs_from_a_file(folder):
    """An array for each output, by its name; one alone is not dropped."""
    x, two, three = (np.ones((3, size), "float32") for size in (5, 2, 3))
    np.savez(folder / "outputs.npz", x=x, dense=two, other=three)
    assert "drawn" not in doctor("models.py:of_two", "--data", "outputs.npz", exit_code=1)
    np.savez(folder / "one.npz", x=x, dense=two)
    message = doctor("models.py:of_two", "--data", "one.npz", exit_code=2)
    assert "'dense', 'other' for the targets. It holds besides: 'dense'." in message


def test_a_report_takes_no_files_place(folder):
    """Neither that of the model nor that of its data."""
    np.savez(folder / "batch.npz", x=np.ones((3, 5), "float32"))
    (folder / "kept.keras").write_bytes(b"a model")
    for option in (["--html", "kept.keras"], ["--output", "kept.keras", "--format", "json"]):
        message = doctor("kept.keras", *option, exit_code=2)
        assert "must not go to TARGET: 'kept.keras' would be lost." in message
    message = doctor("models.py:sick", "--data", "batch.npz", "--html", "batch.npz", exit_code=2)
    assert "must not go to --data" in message
    assert (folder / "kept.keras").read_bytes() == b"a model"


def test_target_that_can_not_be_had(folder):
    """A missing file, module or function, and what is no model, are one sentence each."""
    (folder / "exported").mkdir()
    (folder / "exported" / "saved_model.pb").touch()
    (folder / "folder.keras").mkdir()
    (folder / "unpacked.keras").mkdir()
    (folder / "unpacked.keras" / "config.json").touch()
    for target, words in {
        "folder.keras": "'folder.keras' is a folder, and must be a file.",
        "unpacked.keras": "is a folder, and must be a file. It holds what a .keras file does",
        "gone.py:make": "There is no file 'gone.py'",
        "gone:make": "There is no module 'gone'",
        "gone.keras": "There is no file 'gone.keras'",
        "models.py": "TARGET must be file.py:factory, module:factory or model.keras",
        "model.h5": "write keras.saving.load_model('model.h5').save(\"model.keras\")",
        "model.weights.h5": "'model.weights.h5', weights without a model. Write a function",
        "exported": "'exported', an exported model, which has no layers any more",
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
    message = doctor("models.py:several", exit_code=2)
    assert "Could not interpret constraint identifier" in message
    assert "constrainit.NonNegative() & constrainit.MaxNorm(3.0)" in message.splitlines()[-1]
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
        "models.py:batch": "write make_batch() beside the factory, and leave --data out",
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


def test_forms(folder):
    """The form follows the end of the file's name; --format says it where there is none."""
    doctor("batched.py:sick", "--output", "r.sarif", "--steps", 1, exit_code=1)
    held = json.loads((folder / "r.sarif").read_text())["runs"][0]["results"][0]
    place = held["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (held["ruleId"], place) == ("CW101", "batched.py")
    assert "<h1>" in doctor("batched:sick", "--format", "html", "--steps", 1, exit_code=1)
    arguments = ("batched:sick", "--output", "r.pdf", "--steps", 1)
    doctor(*arguments, "--format", "json", exit_code=1)
    assert json.loads((folder / "r.pdf").read_text())["ok"] is False


def test_html_is_an_option_too(folder):
    """As `constrainit log` has it: a page, whatever the file's name is."""
    doctor("batched.py:sick", "--html", "page", "--steps", 1, exit_code=1)
    assert "<h1>" in (folder / "page").read_text()
    for more in (("--output", "r.html"), ("--format", "json")):
        message = doctor("gone.py:sick", "--html", "r.html", *more, exit_code=2)
        assert "leave out --output, --format" in message


def test_a_form_that_there_is_not(folder):
    """Refused by the end of the name, with those that there are, before anything is looked at."""
    message = doctor("gone.py:sick", "--output", "r.pdf", exit_code=2)
    ends = r"\.html, \.json, \.sarif, \.txt or \.md, unless --format says the form"
    assert re.search(rf"--output must end in {ends}\. Received: 'r\.pdf'", message)
    assert not (folder / "r.pdf").exists()


@pytest.mark.parametrize("name", ["r.html", "r.json", "r.sarif", "r.txt"])
def test_where_the_report_is_written_is_said(folder, name):
    """On one line, apart from where a report is printed."""
    result = CliRunner().invoke(
        cli, ["doctor", "batched.py:healthy", "--output", name, "--steps", "1"]
    )
    said = f"constrainit: healthy: nothing found; the report is written to {name}"
    assert (result.stdout, result.stderr.splitlines()[-1]) == ("", said)
    assert (folder / name).stat().st_size
    printed = CliRunner().invoke(cli, ["doctor", "batched.py:healthy", "--steps", "1"])
    assert "constrainit:" not in printed.stderr


@pytest.mark.parametrize("output", ["r.html", "r.json", "r.sarif", "r.txt", "-"])
def test_codes_are_told_beside_a_file(folder, output):
    """A line each on the standard error; the standard output has the report, or nothing."""
    arguments = ["doctor", "batched.py:sick", "--output", output, "--steps", "1"]
    result = CliRunner().invoke(cli, [*arguments, "--format", "json"])
    lines = result.stderr.splitlines()
    if output == "-":
        held = json.loads(result.stdout)
        assert not any(line.startswith("CW") for line in lines)
        assert not (folder / "-").exists()
        return
    held = json.loads((folder / output).read_text())
    assert result.stdout == ""
    told = [line for line in lines if line.startswith("CW")]
    starts = [f"{f['code']} ({f['level']}) {f['weight']}: " for f in held["findings"]]
    assert len(told) == len(starts) > 0
    assert all(line.startswith(start) for line, start in zip(told, starts, strict=True))
    assert max(map(len, told)) <= 100
    assert lines[-1].endswith(f"the report is written to {output}")


ONE = """
import keras

def _helper(units=3):
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(units)])

def with_units(units, *, other=1):
    return _helper(units)

def price(units=1):
    return _helper(units)

def make_batch():
    import numpy as np
    return np.ones((4, 5), "float32"), np.ones((4, 1), "float32")
"""


def test_a_file_with_one_function_that_can_be_meant(folder):
    """It needs no arguments; where there are more or none, they are named and nothing is run."""
    (folder / "one.py").write_text(ONE)
    text = doctor("one.py", "--steps", 1, exit_code=0)
    assert "batch 4x5" in text
    (folder / "two.py").write_text(f"{ONE}\ndef other(**named): ...\nopen('ran', 'w')\n")
    assert "Received: 'two.py', whose functions without arguments are: price, other." in doctor(
        "two.py", exit_code=2
    )
    (folder / "none.py").write_text("open('ran', 'w')\nprice = 3\ndef broken(:\n")
    assert "whose functions without arguments are: none." in doctor("none.py", exit_code=2)
    assert "There is no file 'gone.py'" in doctor("gone.py", exit_code=2)
    assert not (folder / "ran").exists()


def test_a_model_in_a_file(folder):
    """One at the top level is taken; of several candidates, what is called a model is offered."""
    model = "model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])\n"
    (folder / "whole.py").write_text(f"import keras\n{model}")
    assert "not compiled" in doctor("whole.py", "--steps", 1, exit_code=0)
    (folder / "more.py").write_text(f"{ONE}\ndef main(): ...\n{model}")
    said = doctor("more.py", exit_code=2)
    assert "arguments are: price, main, and whose models are: model. Write more.py:model." in said
    assert "batch 4x5" in doctor("more.py:model", "--steps", 1, exit_code=0)


def test_what_make_batch_returns(folder):
    """A pair, whose second part may be None."""
    (folder / "batched.py").write_text(f"{MODELS}\ndef make_batch(): return np.ones((4, 5))\n")
    message = doctor("batched.py:sick", exit_code=2)
    assert "must return (x, y), or (x, None) where there are no targets" in message
    assert "It returned an ndarray." in message


def test_as_many_targets_as_examples(folder):
    """Targets in a row are told, and not broadcast; in a column they are right."""
    for name, shape, code in (("row", "(1, 4)", 2), ("column", "(4, 1)", 0)):
        batch = f"import numpy as np\ndef make_batch(): return np.ones((4, 5)), np.ones({shape})"
        (folder / f"{name}.py").write_text(f"{ONE}{batch}\n")
        said = doctor(f"{name}.py", "--steps", 1, exit_code=code)
        assert ("as many examples each. Received: x=4, y=1." in said) == (code == 2)


NAMED = """
import keras
import numpy as np

def two_inputs():
    a, b = keras.Input((4,), name="risk"), keras.Input((2,), name="free")
    out = keras.layers.Dense(1)(keras.layers.Concatenate()([a, b]))
    model = keras.Model([a, b], out)
    model.compile("sgd", "mse")
    return model

def make_batch():
    return {"risk": np.ones((8, 4)), "free": np.ones((8, WIDTH))}, np.ones((8, 1))
"""


def test_a_batch_of_named_inputs(folder):
    """They are told by their names, as Keras does, whatever order they sort in."""
    (folder / "named.py").write_text(NAMED.replace("WIDTH", "2"))
    assert "healthy" in doctor("named.py:two_inputs", "--steps", 1, exit_code=0)
    (folder / "wrong.py").write_text(NAMED.replace("WIDTH", "3"))
    message = doctor("wrong.py:two_inputs", exit_code=2)
    assert "must have the inputs of 'functional" in message
    assert "'free' of the shape (None, 2). It has 'risk'" in message
    assert "'free' of the shape (8, 3)" in message


def test_what_is_reported_and_what_fails(folder):
    """Codes, names and beginnings choose; the status is that of what is left."""
    chosen = ("--select", "infeasible-start,CW2", "--fail-on", "error", "--steps", 1)
    text = doctor("batched.py:sick", *chosen, exit_code=0)
    assert "CW101" in text
    assert "CW102" not in text
    assert "--ignore: There is no finding 'CW9'" in doctor(
        "batched.py:sick", "--ignore", "CW9", exit_code=2
    )


def configured(folder, text):
    (folder / "pyproject.toml").write_text(f"[tool.constrainit]\n{text}\n")


def test_configuration_of_the_project(folder):
    """The nearest pyproject.toml chooses what the options do not."""
    configured(folder, 'ignore = ["CW1"]\nfail-on = "never"\nthresholds.CW103.size = 1')
    text = doctor("batched.py:sick", "--ignore", "CW101", "--steps", 1, exit_code=0)
    assert "CW102" in text
    assert "CW101 " not in text
    assert "healthy" in doctor("batched.py:sick", "--steps", 1, exit_code=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ignroe = []", "has no key 'ignroe', only fail-on, ignore, select, thresholds. Write ign"),
        ('ignore = "CW101"', "`ignore` of [tool.constrainit] in "),
        ('ignore = ["CW999"]', "`ignore` of [tool.constrainit]: There is no finding 'CW999'"),
        ('fail-on = "info"', "must be one of error, warning, never. Received: 'info'"),
        ('thresholds = {CW101 = "a"}', "must hold numbers by code, such as CW101 = {violation"),
        ("thresholds.CW999.violation = 1", "There is no finding 'CW999'"),
        ("ignore = [", "can not be read: "),
    ],
)
def test_configuration_that_is_wrong(folder, text, words):
    """One sentence that names the key and what it must be."""
    configured(folder, text)
    message = doctor("batched.py:sick", "--steps", 1, exit_code=2)
    assert words in message
    assert len(message.splitlines()) == 1


# The treated model


def fixed(*arguments, exit_code=1):
    result = CliRunner().invoke(cli, ["doctor", *map(str, arguments)])
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result.stderr


def test_fix_writes_a_model_that_is_healed(folder, unregistered):
    """The treated model is loaded again and healthy; the model that came is as it was."""
    source = saved(folder, "sick")
    before = source.read_bytes()
    said = fixed(source, "--fix", "mended.keras")
    assert "wrote the treated model to 'mended.keras': every weight starts inside its set" in said
    assert source.read_bytes() == before
    assert "CW101" not in doctor("mended.keras", exit_code=0)
    mended = keras.saving.load_model("mended.keras")
    assert ops.all(mended.layers[-1].kernel >= 0)
    assert isinstance(mended.layers[-1].kernel_constraint, keras.constraints.NonNeg)
    assert not [path for path in folder.iterdir() if path.name.startswith(".mended")]


def test_fix_of_a_compiled_model_is_for_every_backend(folder, unregistered):
    """On PyTorch Keras saves the name of an optimizer that no other backend can step with."""
    more = (
        "def compiled():\n    model = sick()\n    model.compile('adam', 'mse')\n    return model\n"
    )
    (folder / "one.py").write_text(MODELS.replace("test_cli", "test_cli_one") + BATCH + more)
    fixed("one.py:compiled", "--steps", 2, "--fix", "mended.keras")
    with zipfile.ZipFile("mended.keras") as file:
        held = json.loads(file.read("config.json"))["compile_config"]["optimizer"]
    assert (held["module"], held["class_name"]) == ("keras.optimizers", "Adam")
    mended = keras.saving.load_model("mended.keras")
    mended.fit(np.ones((4, 5)), np.ones((4, 2)), verbose=0)
    assert int(mended.optimizer.iterations) == 1
    own = {"module": "mine", "class_name": "Mine", "config": {"inner": {**held, "module": "mine"}}}
    inner = {**held, "module": "keras.src.backend.torch.optimizers.torch_adam"}
    assert _renamed(own) == own
    assert _renamed({"config": {"inner": inner}}) == {"config": {"inner": held}}


def test_fix_of_constraint_and_learning_rate(folder, unregistered):
    """A set in the place of a constraint, and a rate, are in the file as well."""
    (folder / "models.py").write_text(MODELS + WRONG)
    assert "wrote the treated model" in fixed("models.py:axis", "--fix", "axis.keras")
    mended = keras.saving.load_model("axis.keras")
    assert ci.check(mended).ok
    assert type(mended.layers[0].kernel_constraint).__name__ == "UnitNorm"
    assert "a learning rate of" in fixed("models.py:fast", "--fix", "fast.keras")
    rate = float(keras.saving.load_model("fast.keras").optimizer.learning_rate)
    assert rate < 5


SHARES = """

@keras.saving.register_keras_serializable("test_fix")
class Shares(keras.layers.Layer):
    def __init__(self, count, **named):
        super().__init__(**named)
        self.count = count

    def build(self, shape):
        a_set = ci.Simplex(axis=0)
        self.w = self.add_weight((shape[-1], self.count), "glorot_uniform", constraint=a_set)

    def call(self, x):
        return x @ self.w


def shares():
    model = keras.Sequential([keras.Input((6,)), Shares(3), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model
"""


def test_fix_of_a_layer_whose_name_no_file_holds(folder, unregistered):
    """A config that Keras makes of the arguments leaves the name out: the layer has another one."""
    (folder / "models.py").write_text(MODELS + SHARES)
    assert "wrote the treated model" in fixed("models.py:shares", "--fix", "shares.keras")
    assert ci.check(keras.saving.load_model("shares.keras")).ok


def test_fix_of_sets_that_find_their_axis(folder, unregistered):
    """A loaded set holds the axes that the layer gave it."""
    (folder / "models.py").write_text(MODELS + WRONG)
    assert "wrote the treated model" in fixed("models.py:of_sets", "--fix", "sets.keras")
    mended = keras.saving.load_model("sets.keras")
    assert ci.check(mended).ok
    assert mended.layers[0].kernel_constraint.axis == [0]


WRONG = """
def of_sets():
    both = ci.NonNegative() & ci.MaxNorm(1.0)
    model = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(4, kernel_constraint=ci.Simplex()),
        keras.layers.Dense(1, kernel_constraint=both),
    ])
    model.compile("sgd", "mse")
    return model

def axis():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(
        4, 3, kernel_constraint=keras.constraints.UnitNorm(axis=0)), keras.layers.Flatten(),
        keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model

def fast():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(5.0), "mse")
    return model

def shares(w):
    w = keras.ops.maximum(w, 0.0)
    return w / keras.ops.sum(w, axis=0, keepdims=True)

@keras.saving.register_keras_serializable("test_cli")
class Mix(keras.layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(5, 2), initializer="zeros", constraint=shares, name="w")

    def call(self, x):
        return x @ self.w

def inside_of_a_layer():
    model = keras.Sequential([keras.Input((5,)), Mix(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model
"""


def test_fix_that_is_not_written(folder):
    """Nothing to mend, what no file holds, and names that can not be: said, and nothing written."""
    said = fixed("batched.py:healthy", "--fix", "out.keras", exit_code=0)
    assert "--fix: no model was written: there is nothing to mend" in said
    assert "can not be built" in fixed(
        "models.py:unbuildable", "--input-shape", "5", "--fix", "out.keras"
    )
    assert not (folder / "out.keras").exists()
    (folder / "models.py").write_text(MODELS + WRONG)
    assert "a saved model does not hold the treatment of " in fixed(
        "models.py:inside_of_a_layer", "--fix", "out.keras"
    )
    assert not (folder / "out.keras").exists()
    source = saved(folder, "sick")
    (folder / "link.keras").symlink_to(source)
    for name, words in {
        source: "--fix must not be TARGET itself",
        "link.keras": "--fix must not be TARGET itself",
        "out.h5": "--fix must be the name of a .keras file",
        "no/out.keras": "--fix must be the name of a .keras file in a folder that exists",
    }.items():
        assert words in doctor(source, "--fix", name, exit_code=2)


# Feasibility only


def checked(*arguments, exit_code):
    result = CliRunner().invoke(cli, ["check", *map(str, arguments)])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


def test_check(folder):
    """Each file in a line or a table; the status is the worst; what can not be read is said."""
    sick, healthy = saved(folder, "sick"), saved(folder, "healthy")
    assert "healthy.keras: ok, 1 constrained weight\n" in checked(healthy, exit_code=0).stdout
    both = checked(healthy, sick, exit_code=1).stdout
    assert "healthy.keras: ok" in both
    assert "sick.keras:\n" in both
    assert "outside" in both
    broken = checked("gone.keras", healthy, exit_code=2)
    assert "There is no file 'gone.keras'" in broken.stderr
    assert "healthy.keras: ok" in broken.stdout
    rows = json.loads(checked(sick, "--format", "json", exit_code=1).stdout)
    assert rows[0]["rows"][0]["violation"] > 0
    assert "models.py:sick:\n" in checked("models.py:sick", exit_code=1).stdout
    assert "must be built" in checked("models.py:shapeless", exit_code=2).stderr


def test_check_of_what_lost_its_constraint(folder):
    """A model without constrained weights fails, and one whose named weights have none."""
    healthy, plain = saved(folder, "healthy"), folder / "plain.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save(plain)
    said = checked(healthy, plain, exit_code=1).stdout
    assert said.endswith(
        "plain.keras:\nno weight of the model has a constraint: nothing was checked\n"
    )
    assert json.loads(checked(plain, "--format", "json", exit_code=1).stdout)[0]["ok"] is False
    checked(healthy, "--constrained", "*/kernel", exit_code=0)
    said = checked(healthy, "--constrained", "kernel", "--constrained", "bias", exit_code=1).stdout
    assert said.rstrip().endswith("no constraint")
    said = checked(healthy, "--constrained", "gamma", exit_code=2).stderr
    assert re.search(r"healthy.keras: .* `constrained` of `check` must match a weight", said)


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [50, 70, 140])
def test_check_is_as_wide_as_the_terminal(folder, monkeypatch, width):
    """In a pipe each weight is on a line of its own."""
    terminal, target = _Terminal(), saved(folder, "sick").name
    piped = checked(target, exit_code=1).stdout
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout", terminal)
    with pytest.raises(SystemExit):
        cli.main(["check", target], standalone_mode=False)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in terminal.getvalue().splitlines()]
    assert lines[0].strip() == piped.splitlines()[0]
    longest = max(len(line.rstrip()) for line in lines[1:])
    assert longest <= width
    assert (longest > 100) == (width == 140)
    *_, weight = piped.splitlines()
    assert weight.endswith("outside")
    _, shape, *_, number, _ = weight.split()
    for whole in (shape, number):
        assert any(whole in line for line in lines)


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
    own, constrained = saved(folder, "own"), saved(folder, "of_a_class")
    unregistered()
    (folder / "models.py").rename(folder / "objects.py")
    message = doctor(own, exit_code=2)
    assert "needs the custom object 'Own'" in message
    assert "--import MODULE" in message
    assert "needs the custom object 'Positive'" in doctor(constrained, exit_code=2)
    assert "CW101" in doctor(own, "--import", "objects", exit_code=1)
    del sys.modules["objects"]


@pytest.mark.parametrize(
    ("package", "name"), [("mine", "mine>halved"), (None, "halved")], ids=["registered", "plain"]
)
def test_file_with_a_function_as_a_constraint(folder, package, name):
    """It is called by the name that the file has, as a class is, with what is to be imported."""
    (folder / "rules.py").write_text("def halved(w):\n    return w * 0.5\n")
    sys.path.insert(0, str(folder))
    import rules  # pyright: ignore[reportMissingImports]

    with registered_as_before():
        rule = rules.halved
        if package:
            rule = keras.saving.register_keras_serializable(package)(rule)
        dense = keras.layers.Dense(2, kernel_constraint=rule)
        keras.Sequential([keras.Input((5,)), dense]).save(folder / "ruled.keras")
    del sys.modules["rules"]
    for command in ("check", "doctor"):
        found = CliRunner().invoke(cli, [command, str(folder / "ruled.keras")])
        assert found.exit_code == 2, found.output
        assert f"needs the custom object {name!r}, which is not registered" in found.output
        assert "--import MODULE" in found.output
        assert found.stdout == "", "there is no table"


def test_classes_that_are_not_registered(folder):
    """The user's own module is asked for them by name; of a function it is said what to write."""
    (folder / "mine.py").write_text(
        "import keras\n"
        "class Bare(keras.constraints.Constraint):\n"
        "    def __call__(self, w):\n"
        "        return keras.ops.maximum(w, 0.0)\n"
        "class Same(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return x\n"
        "def squared(x):\n"
        "    return x * x\n"
    )
    sys.path.insert(0, str(folder))
    import mine  # pyright: ignore[reportMissingImports]

    def file(name, *parts):
        keras.Sequential([keras.Input((5,)), *parts]).save(folder / name)
        return folder / name

    own = file(
        "own.keras", mine.Same(), keras.layers.Dense(2, kernel_constraint=mine.Bare())
    )  # fmt: skip
    named = file("named.keras", keras.layers.Dense(2, activation=mine.squared))
    for command in ("check", "doctor"):
        found = CliRunner().invoke(cli, [command, str(own), "--import", "mine"])
        assert found.exit_code == 1, found.output
        assert "Bare" in found.output
        del sys.modules["mine"]
        found = CliRunner().invoke(cli, [command, str(own), "--import", str(folder / "mine.py")])
        assert found.exit_code == 1, found.output
    missing = doctor(own, "--import", "mien.py", exit_code=2)
    assert "There is no file 'mien.py'." in missing
    other = doctor(own, "--import", "json", exit_code=2)
    assert "which is not registered and not in json. Name the module that defines it" in other
    said = doctor(named, "--import", "mine", exit_code=2)
    assert "needs the custom object 'squared', which mine has and does not register" in said
    assert "register_keras_serializable() above it and save the model again" in said
    assert "get_custom_objects()['squared'] = squared in mine" in said
    with (folder / "mine.py").open("a") as lines:
        lines.write("keras.saving.get_custom_objects()['squared'] = squared\n")
    del sys.modules["mine"]
    with registered_as_before():
        assert "could not" not in doctor(named, "--import", "mine", exit_code=0)
    del sys.modules["mine"]


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
    assert lines[-1].startswith("Beside these: Joint(set) holds several weights")
    done = CliRunner().invoke(cli, ["sets", "--format", "markdown"])
    assert done.exit_code == 0
    assert done.output == markdown()


def test_the_catalogue_is_whole():
    """Every constraint that the package exports has a row, but `Joint`, which has a sentence."""
    made = [getattr(ci, name) for name in ci.__all__]
    constraints = {
        one.__name__ for one in made
        if inspect.isclass(one) and issubclass(one, keras.constraints.Constraint)
    } - {"ConstraintSet"}  # fmt: skip
    assert constraints - {entry.name.split("(")[0] for entry in entries()} == {"Joint"}
    assert "there is `Joint`" in markdown()


def test_one_set():
    """With a name all about this set is shown: its arguments, its words, what it offers."""
    done = CliRunner().invoke(cli, ["sets", "MaxNorm"])
    assert done.exit_code == 0
    assert done.output.startswith("MaxNorm(radius, axis=None)\n\nNo unit's incoming weights have")
    assert "radius: The largest allowed norm." in done.output
    assert "convex      yes\nprojection  exact\n" in done.output
    assert ">>>" not in done.output
    for name in ("maxnorm", "MAXNORM", " maxNorm"):
        assert CliRunner().invoke(cli, ["sets", name]).output == done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["joint"], "Joint groups weights and is no set of one"),
        (["sipmlex"], "There is no set 'sipmlex'. Near to it: Simplex"),
        (["non_negativ"], "There is no set 'non_negativ'. Near to it: NonNegative"),
        (["non_neg"], "There is no set 'non_neg'. NonNeg of Keras is here ci.NonNegative()"),
        (["feasible"], "Feasible is an initializer, constrainit.initializers.Feasible(a_set)."),
        (["qqq"], "There is no set 'qqq'. `constrainit sets` lists them."),
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
        ("CW999", "There is no finding 'CW999'. `constrainit explain` lists them."),
        ("CW20", "Near to it: CW201 constraint-raises, CW202 wrong-shape, CW203 wrong-dtype; `"),
        ("CW1019", "Near to it: CW101 infeasible-start; `constrainit explain` lists them."),
        ("infeasable-start", "Near to it: CW101 infeasible-start"),
        ("xyz", "There is no finding 'xyz'. `constrainit explain` lists them."),
    ],
)
def test_explain_refuses_what_is_no_finding(code, message):
    """One clear error, with those near to it."""
    assert message in explain(code, exit_code=2)
