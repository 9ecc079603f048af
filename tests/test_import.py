"""The public names, and what importing the package costs."""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys

import keras
import pytest

import constrainit as ci
from constrainit import _backend, _elsewhere

pytestmark = pytest.mark.everywhere

SETTLED = {
    "ConstraintSet", "NonNegative", "Positive", "Box", "MaxNorm", "UnitNorm", "NormRange",
    "Simplex", "SumTo", "Orthogonal", "Symmetric", "Masked", "Blocks", "Intersection", "as_set",
    "constrained", "constrain", "check", "project", "prepare", "diagnose", "Report", "Finding",
    "KeepFeasible", "WeightLog", "StopAtFault", "hold", "held", "hold_after", "optax_hold",
    "Braked",
}  # fmt: skip

LOADED = """
import json, sys
import keras
before = set(sys.modules)
import constrainit
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_import_pulls_in_no_reporting_library():
    """`import constrainit` loads nothing for the command line or for reports beside Keras' own."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "constrainit.model" in loaded
    heavy = {
        name
        for name in loaded
        if name.split(".")[0]
        in ("click", "jinja2", "rich", "pandas", "sqlite3", "optax", "pyarrow")
    }
    assert heavy == set()
    assert not {
        name for name in loaded
        if name.startswith(("constrainit.cli", "constrainit._text", "constrainit._elsewhere"))
    }  # fmt: skip


def test_public_names_exist():
    """Every settled name is there, documented, and in `__all__`."""
    for name in SETTLED:
        assert getattr(ci, name).__doc__, name
        assert name in ci.__all__
    assert ci.__version__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ci.no_such_name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("NonNeg", r"NonNeg of Keras is here ci\.NonNegative\(\), see docs/from_other_libraries"),
        ("MinMaxNorm", r"MinMaxNorm of Keras is here ci\.NormRange\(0\.5, 2\)"),
        ("RadialConstraint", r"RadialConstraint of Keras is here ci\.Affine"),
        ("Stiefel", r"Stiefel of geoopt is here ci\.Orthogonal\(\)"),
        ("Nonnegative", r"Near to it: NonNegative$"),
        ("reparameterize", r"Near to it: reparametrize"),
        ("Feasible", r"Feasible is an initializer, constrainit\.initializers\.Feasible\(a_set\)$"),
        ("assert_feasible", r"constrainit\.testing\.assert_feasible\(model\)$"),
        ("qqq", "$"),
    ],
)
def test_names_that_are_not_here(name, hint):
    """Names of other libraries, of submodules and such that are misspelt say where to look."""
    with pytest.raises(AttributeError, match=f"no attribute '{name}'.*{hint}"):
        getattr(ci, name)
    assert not hasattr(ci, name)


@pytest.mark.parametrize("name", _elsewhere._PLACES)
def test_places_that_are_told(name):
    """Where an error says that a name is, it is."""
    place = re.search(r"(constrainit\.\w+)\.(\w+)", _elsewhere._PLACES[name])
    assert place is not None
    assert place[2] == name
    assert getattr(importlib.import_module(place[1]), name).__doc__


@pytest.mark.parametrize(
    ("configured", "installed", "chosen"),
    [
        (None, {"jax", "torch"}, "jax"),
        (None, {"torch"}, "torch"),
        (None, {"tensorflow", "jax"}, None),
        ("torch", {"jax", "torch"}, None),
        ("torch", {"jax"}, "jax"),
        ("not json", {"jax"}, "jax"),
    ],
)
def test_backend_that_is_installed(configured, installed, chosen, monkeypatch, tmp_path):
    """Where Keras would take a backend that is not there, one that is there is named to it."""
    if configured:
        text = configured if configured == "not json" else json.dumps({"backend": configured})
        (tmp_path / "keras.json").write_text(text)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in installed or None)
    monkeypatch.delitem(sys.modules, "keras")
    _backend.choose()
    assert os.environ.get("KERAS_BACKEND") == chosen


def test_no_backend(monkeypatch):
    """Where none is installed, the error says what to install."""
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "keras")
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        _backend.choose()


@pytest.mark.parametrize("named", [True, False])
def test_backend_that_was_named(named, monkeypatch):
    """A backend that the user named, or that Keras has taken already, stays."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True if name == "jax" else None)
    if named:
        monkeypatch.delitem(sys.modules, "keras")
        monkeypatch.setenv("KERAS_BACKEND", "torch")
    else:
        monkeypatch.delenv("KERAS_BACKEND")
    _backend.choose()
    assert os.environ.get("KERAS_BACKEND") == ("torch" if named else None)


@pytest.mark.parametrize("way", ["jit", "vmap", "grad"])
def test_the_first_call_may_be_within_a_function_of_jax(way):
    """What is compiled in haste is compiled outside of other programs only."""
    if keras.backend.backend() != "jax":
        pytest.skip("JAX compiles what is called")
    code = f"""
import jax, constrainit as ci
def total(w):
    return ci.Simplex().project(w).sum() + ci.Simplex().initializer(1)((2, 3), "float32").sum()
assert jax.{way}(total)(jax.numpy.ones((2, 3))) is not None
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("argv", "started", "reads"),
    [
        (["/bin/constrainit", "log", "run.db"], [], True),
        (["constrainit.exe", "sets"], [], True),
        (["constrainit"], [], True),
        (["constrainit", "--version"], [], True),
        (["constrainit", "doctor", "--help"], [], True),
        (["constrainit", "doctor", "model.keras"], [], False),
        (["-m", "explain", "CW101"], ["python", "-m", "constrainit", "explain", "CW101"], True),
        (["-m", "log"], ["python", "-m", "other", "log"], False),
        (["train.py", "log"], ["python", "train.py", "log"], False),
        ([], [], False),
    ],
)
def test_commands_that_compute_nothing(argv, started, reads, monkeypatch):
    """They are told from other commands, and from other programs with the same arguments."""
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", started)
    monkeypatch.delitem(sys.modules, "keras")
    lean = []
    monkeypatch.setattr(_backend, "_import_lean", lambda: lean.append(1))
    for installed in ({"jax", "torch"}, {"torch"}):
        monkeypatch.setenv("KERAS_BACKEND", "torch")
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, i=installed: name in i or None
        )
        _backend.choose()
        expected = "jax" if reads and "jax" in installed else "torch"
        assert os.environ["KERAS_BACKEND"] == expected
    assert len(lean) == reads


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is the one that is quick")
@pytest.mark.parametrize(("arguments", "status"), [(["log", "none.db"], 2), (["-h"], 0)])
def test_commands_that_compute_nothing_import_no_slow_backend(arguments, status):
    """Of what is installed the quickest, whatever Keras would take."""
    command = [sys.executable, "-X", "importtime", "-m", "constrainit", *arguments]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == status, done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "constrainit.cli" in imported
    assert not imported & {
        "tensorflow",
        "torch",
        "sklearn.utils",
        "matplotlib.figure",
        "pandas.core",
    }
