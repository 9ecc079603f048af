"""The atlas: what it measures is so, a run resumes, and nothing foreign is overwritten."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

import constrainit as ci
from constrainit.atlas import _run, measure
from constrainit.atlas._cells import _slopes, gradient_ratio
from constrainit.atlas._figure import fate, label
from constrainit.atlas._grid import DTYPES, SETS, WAYS, applies, cells
from constrainit.cli import cli

pytestmark = pytest.mark.in_turns(every=4)

# Files, command lines and texts are the same for every backend.

SMALL = {"width": 16, "batch": 32, "depth": 4}
OPTIONS = ["--width", 16, "--batch", 32, "--depth", 4, "--jobs", 1]
ONE = ["--set", "UnitNorm", "--activation", "tanh", "--dtype", "float32"]


def atlas(*arguments, exit_code=0):
    """Runs `constrainit atlas` in this process; what it says, on stderr where it could not run."""
    result = CliRunner().invoke(cli, ["atlas", *map(str, arguments)])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert isinstance(result.exception, (SystemExit, type(None)))
    if exit_code:
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.fixture
def table(tmp_path):
    """A whole small atlas of two cells."""
    path = tmp_path / "atlas.csv"
    atlas(*OPTIONS, *ONE, "--output", path)
    return path


# What is measured


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["Simplex", "UnitNorm"])
def test_our_kernels_are_members_and_the_signal_lives(name, dtype):
    """Kernels that start by `constrained` are members in every dtype, at every layer."""
    rows = measure(SETS[name], "tanh", dtype=dtype, **SMALL)
    assert [row.depth for row in rows] == [1, 2, 3, 4]
    assert all(row.member for row in rows)
    assert all(row.nonfinite == 0 and 0.1 < row.deviation < 3 for row in rows)
    assert all(row.predicted_deviation > 0 for row in rows)
    assert [row.gradient_ratio is None for row in rows] == [True, True, True, False]
    assert rows[-1].predicted_gradient_ratio > 0


def test_a_way_that_misses_the_set_is_said_to():
    """Membership is asked of the set, not taken for granted."""
    with_room, without = ci.Simplex(), ci.Simplex(2.0)
    assert all(row.member for row in measure(with_room, way="softmax", **SMALL))
    assert not any(row.member for row in measure(without, way="softmax", **SMALL))


def test_clipping_is_the_projection_onto_bounds():
    """Two ways that are one for bounds give the same rows, without predictions."""
    clip, keras_way = (measure(SETS["Box"], way=way, **SMALL) for way in ("clip", "keras"))
    assert clip == keras_way
    assert clip[0].predicted_deviation is None


def test_first_layer_is_what_numpy_says():
    """Mean and deviation of the first pre-activations, from the kernel, which is Keras' own."""
    import keras

    rows = measure(SETS["NonNegative"], "linear", way="abs", seed=3, **SMALL)
    w = keras.initializers.GlorotUniform(seed=3000)((16, 16))
    w = np.abs(keras.ops.convert_to_numpy(w)).astype("float64")
    z = np.random.default_rng(3).standard_normal((32, 16), "float32") @ w
    assert rows[0].mean == pytest.approx(z.mean(), abs=1e-5)
    assert rows[0].deviation == pytest.approx(z.std(axis=0).mean(), rel=1e-5)


def test_overflow_is_counted():
    """Where float16 overflows, the share of what is not finite is above zero, never hidden."""
    rows = measure(SETS["Box"], "linear", way="keras", dtype="float16", width=64, batch=8, depth=12)
    assert rows[-1].nonfinite > 0
    assert fate(rows[-1]) == "exploded"
    assert np.isnan(rows[-1].gradient_ratio) or rows[-1].gradient_ratio > 1e3


def test_same_seed_same_rows_and_nothing_left_changed():
    """A measurement repeats itself; dtype policy and Python's generator are as they were."""
    import random

    import keras

    before = keras.config.dtype_policy().name, random.getstate()
    first = measure(SETS["UnitNorm"], "linear", dtype="bfloat16", **SMALL)
    assert measure(SETS["UnitNorm"], "linear", dtype="bfloat16", **SMALL) == first
    assert measure(SETS["UnitNorm"], "linear", dtype="bfloat16", seed=1, **SMALL) != first
    assert (keras.config.dtype_policy().name, random.getstate()) == before


def test_gradient_keeps_its_size_through_orthogonal_layers():
    """A linear stack of orthogonal kernels has the ratio one; half the scale, half per layer."""
    rows = measure(SETS["Orthogonal"], "linear", way="keras", **SMALL)
    assert rows[-1].gradient_ratio == pytest.approx(1.0, abs=1e-5)
    rng = np.random.default_rng(0)
    frames = [np.linalg.qr(rng.standard_normal((8, 8)))[0] for _ in range(4)]
    z = [rng.standard_normal((5, 8)) for _ in range(4)]
    cotangent = rng.standard_normal((5, 8))
    assert gradient_ratio(frames, z, "linear", cotangent) == pytest.approx(1.0, abs=1e-4)
    halves = [frame / 2 for frame in frames]
    assert gradient_ratio(halves, z, "linear", cotangent) == pytest.approx(1 / 8, rel=1e-4)


def test_gradient_through_activations_is_that_of_differences():
    """The ratio agrees with the definition: what a step at the first layer does at the last."""
    rng = np.random.default_rng(1)
    kernels = [rng.standard_normal((6, 6)) / 2 for _ in range(3)]
    z = [rng.standard_normal((1, 6))]
    for w in kernels[1:]:
        z.append(np.tanh(z[-1]) @ w)
    cotangent = rng.standard_normal((1, 6))

    def end(first):
        return np.tanh(np.tanh(first) @ kernels[1]) @ kernels[2]

    steps = 1e-5 * np.eye(6)
    slopes = [(end(z[0] + s) - end(z[0] - s)) @ cotangent[0] / 2e-5 for s in steps]
    wanted = np.sqrt(np.mean(np.square(slopes)) / np.mean(np.square(cotangent)))
    assert gradient_ratio(kernels, z, "tanh", cotangent) == pytest.approx(wanted, rel=1e-3)


def test_slopes_do_not_cross_the_kink():
    """relu has the slopes 0 and 1 however near to zero, 0 at it; smooth ones match calculus."""
    z = np.array([-3e4, -1.0, -1e-6, 0.0, 1e-6, 1.0, 3e4])
    np.testing.assert_allclose(_slopes("relu", z), [0, 0, 0, 0, 1, 1, 1], atol=1e-5)
    z = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(_slopes("tanh", z), 1 - np.tanh(z) ** 2, atol=2e-4)


def test_ways_that_do_not_apply_are_left_out():
    """Every set has the way of Keras and ours; the others only where they are meant for it."""
    assert len(cells()) == 255
    held = {name: {c.way for c in cells(sets=[name])} for name in SETS}
    assert all({"keras", "ours"} <= ways for ways in held.values())
    assert held["NonNegative"] == set(WAYS)
    assert held["Simplex"] == {"keras", "softmax", "ours"}
    assert not applies("clip", ci.UnitNorm())
    for wrong in ({"way": "clip"}, {"way": "none"}, {"dtype": "int8"}, {"depth": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` of `measure` must"):
            measure(ci.UnitNorm(), **wrong)


# The file


def test_run_resumes_where_the_file_ends(table):
    """Cells that are gone, or not whole, are measured again, alone, and the file is as before."""
    whole = table.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 2 + 2 * 4
    for kept in (b"".join(lines[:-4]), b"".join(lines[:-1]), whole[:-7], b"".join(lines[:2])):
        table.write_bytes(kept)
        found = 2 if kept == b"".join(lines[:2]) else 1
        said = atlas(*OPTIONS, *ONE, "--output", table)
        assert f"2 cells, {found} of them measured now" in said
        assert table.read_bytes() == whole
    assert "2 cells, 0 of them measured now" in atlas(*OPTIONS, *ONE, "--output", table)
    assert [path.name for path in table.parent.iterdir()] == ["atlas.csv"]


def test_other_cells_join_the_file(table):
    """Another choice of cells is added to the file, and what is there stays."""
    before = table.read_text().splitlines()
    more = ["--set", "NonNegative", "--activation", "tanh", "--dtype", "float16"]
    assert "5 cells, 5 of them" in atlas(*OPTIONS, *more, "--output", table)
    after = table.read_text().splitlines()
    assert after[:2] == before[:2]
    assert after[-8:] == before[2:]
    assert len(after) == 2 + 7 * 4


def test_foreign_files_are_refused_and_left_alone(table, tmp_path):
    """Other settings, or no atlas at all: one sentence, and not a byte is changed."""
    whole = table.read_bytes()
    for option, value, words in (
        ("--width", 8, "width 16, not with width 8"),
        ("--seed", 1, "seed 0, not with seed 1"),
        ("--depth", 3, "depth 4, not with depth 3"),
    ):
        message = atlas(*OPTIONS, option, value, *ONE, "--output", table, exit_code=2)
        assert words in message
        assert len(message.splitlines()) == 1
    table.write_bytes(whole.replace(b'"keras": "3.', b'"keras": "2.'))
    changed = table.read_bytes()
    assert "was measured with keras 2." in atlas(*OPTIONS, *ONE, "--output", table, exit_code=2)
    assert table.read_bytes() == changed
    first, head, *rows = whole.splitlines(keepends=True)
    for content in (
        b"", b"a,b\n1,2\n", b"123\n", b"\xff\xfe\x00", first, first + b"a,b\n",
        first + head + b"no,row\n", first + head + rows[0].replace(b",1,", b",one,"),
    ):  # fmt: skip
        other = tmp_path / "other.csv"
        other.write_bytes(content)
        message = atlas(*OPTIONS, *ONE, "--output", other, exit_code=2)
        assert "is no atlas and is left as it is" in message
        assert other.read_bytes() == content


def test_interruption_keeps_whole_cells_and_resumes(table, monkeypatch):
    """Ctrl-C: status 2, how much is done, and the same command goes on from there."""
    whole = table.read_bytes()
    table.unlink()
    measured, calls = _run.measure, []

    def once(*arguments, **named):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return measured(*arguments, **named)

    monkeypatch.setattr(_run, "measure", once)
    message = atlas(*OPTIONS, *ONE, "--output", table, exit_code=2)
    assert "interrupted, 1 of 2 cells are in" in message
    assert "the same command resumes" in message
    assert whole.startswith(table.read_bytes())
    monkeypatch.undo()
    assert "1 of them measured now" in atlas(*OPTIONS, *ONE, "--output", table)
    assert table.read_bytes() == whole


# The figure


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_figure_is_drawn(table, suffix):
    """The figure is a file of its kind; an atlas that is there is not measured for it."""
    path = table.with_suffix(suffix)
    said = atlas(*OPTIONS, *ONE, "--output", table, "--figure", path)
    assert "0 of them measured now" in said
    content = path.read_bytes()
    assert len(content) > 5000
    assert content.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")


def test_squares_tell_what_became_of_the_signal():
    """The number where there is one to read; else an arrow and the first layer that is as bad."""
    from constrainit.atlas import Row

    def rows(*deviations):
        return [Row(n + 1, 0.0, d, float(d != d), True) for n, d in enumerate(deviations)]

    for deviations, end, text in (
        ((1.0, 0.5, 0.3), "healthy", ".30"),
        ((1.0, 0.1, 0.05), "fading", ".05"),
        ((1.0, 30.0, 70.0), "growing", "70"),
        ((1.0, 1e-4, 0.0), "dead", "↓2"),
        ((1.0, 2e3, float("nan")), "exploded", "↑2"),
    ):
        assert (fate(rows(*deviations)[-1]), label(rows(*deviations))) == (end, text)


# What can not be had


def test_bad_options(table, tmp_path, monkeypatch):
    """Each is one sentence and status 2, before anything is measured."""
    monkeypatch.setattr(_run, "_one", None)
    new = ["--output", tmp_path / "new.csv"]
    for arguments, words in (
        (["--figure", tmp_path / "a.pdf", *new], "--figure must end in .svg or .png"),
        (["--figure", tmp_path / "no" / "a.svg", *new], "There is no folder"),
        (["--output", tmp_path / "no" / "a.csv"], "There is no folder"),
        (["--output", tmp_path], "is a folder"),
        (["--depth", 0, *new], "--depth"),
        (["--set", "Sphere", *new], "--set"),
    ):
        assert words in atlas(*OPTIONS, *arguments, exit_code=2)
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.parametrize(
    ("name", "more"), [("matplotlib", ["--figure", "a.svg"]), ("joblib", ["--jobs", 2])]
)
def test_a_missing_package_is_named(name, more, tmp_path, monkeypatch):
    """What to install, and status 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, name, None)
    message = atlas(*OPTIONS, *ONE, *more, exit_code=2)
    assert message == f"constrainit: {name} is not installed: pip install joblib matplotlib.\n"
    assert not list(tmp_path.iterdir())


def test_import_pulls_in_no_package_of_the_extra():
    """`import constrainit` loads neither the atlas nor what only the atlas needs."""
    code = (
        "import sys, keras; before = set(sys.modules); import constrainit; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "assert not new & {'joblib', 'matplotlib', 'rich'}, new; "
        "assert 'constrainit.atlas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_processes_and_ctrl_c(tmp_path):
    """Two processes: Ctrl-C ends them with status 2; one process resumes, as if it did it all."""
    path, alone = tmp_path / "two.csv", tmp_path / "one.csv"
    options = [*OPTIONS, *ONE, "--activation", "linear", "--dtype", "bfloat16", "--output"]
    command = [
        sys.executable, "-c", "from constrainit.cli import main; main()", "atlas",
        *map(str, [*options, path, "--jobs", 2]),
    ]  # fmt: skip
    # A process in the background of a shell inherits that SIGINT is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while not path.exists() and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    # It may have been done before the signal came.
    assert (process.returncode, "the same command resumes" in errors) in ((2, True), (0, False))
    assert "Traceback" not in errors
    atlas(*options, path)
    atlas(*options, alone)
    assert path.read_bytes() == alone.read_bytes()
