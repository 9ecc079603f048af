"""`WeightLog`: what it says of a step is what happened in it, on every backend."""

import contextlib
import errno
import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import array
from keras import ops

import constrainit as ci
from constrainit.callbacks import WeightLog, _log_sums, _log_watch
from constrainit.callbacks._log_tap import Tap
from constrainit.cli import cli
from constrainit.log._storage import COLUMNS, LogError, Weight, connect
from constrainit.log._writer import Writer

pytestmark = pytest.mark.everywhere

# TensorFlow takes longer to compile a step than to take some eagerly.
EAGER = keras.backend.backend() == "tensorflow"


def _model(**dense):
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(4, kernel_constraint=ci.NonNegative(), **dense),
        keras.layers.Dense(2, kernel_constraint=ci.UnitNorm()),
    ]
    return keras.Sequential(layers)


def _place(model, index, name="kernel"):
    return getattr(model.layers[index], name).path


def _data(count=16):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 3)).astype("float32"), np.ones((count, 2), "float32")


def _fit(model, path, epochs=1, every=1, count=16, **log):
    callbacks = [WeightLog(path, every=every, **log)]
    model.fit(
        *_data(count), batch_size=2, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks
    )


class _Spying(keras.constraints.Constraint):
    """Nothing below zero, as a set does it, with what it got kept (eager steps only)."""

    def __init__(self):
        self.seen = []

    def __call__(self, w):
        self.seen.append(array(w))
        return ci.NonNegative()(w)


def test_numbers_are_those_of_the_step(tmp_path):
    """Each number is what NumPy finds of the weight before and after the constraint."""
    constraint = _Spying()
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, kernel_constraint=constraint)]
    )
    ci.project(model)
    constraint.seen.clear()
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=True)
    start = array(model.layers[0].kernel)
    x, y = _data(2)
    model.fit(x, np.tile(y, 2), verbose=0, callbacks=[WeightLog(tmp_path / "run.db", every=1)])
    before, after = constraint.seen[-1], array(model.layers[0].kernel)
    row = WeightLog.read(tmp_path / "run.db").query("step == 1").iloc[0]
    assert (before < 0).any()
    expected = {
        "moved": np.linalg.norm(before - after),
        "share_moved": np.mean(before != after),
        "gradient_norm": np.linalg.norm(before - start) / 0.5,
        "update_ratio": np.linalg.norm(before - start) / np.linalg.norm(before),
    }
    for side, w in (("before", before), ("after", after)):
        found = [w.min(), w.max(), w.mean(), w.std(), np.linalg.norm(w), 0]
        names = ("minimum", "maximum", "mean", "deviation", "norm", "nonfinite")
        expected |= {f"{side}_{n}": number for n, number in zip(names, found, strict=True)}
    for name, number in expected.items():
        assert row[name] == pytest.approx(number, rel=2e-5, abs=1e-6), name


# Keras runs several steps at once on JAX and TensorFlow only.
@pytest.mark.parametrize("steps", [1] if keras.backend.backend() == "torch" else [1, 3])
def test_compiled_steps_are_logged_as_they_were(tmp_path, steps):
    """In compiled steps, also several at once, the numbers are those of the weights kept whole."""
    model = _model()
    model.compile(keras.optimizers.SGD(0.3), "mse", steps_per_execution=steps)
    start = array(model.layers[0].kernel)
    _fit(model, tmp_path / "run.db", every=2, count=18, tensors=100, histograms=5)
    frame = WeightLog.read(tmp_path / "run.db", "dense*/kernel")
    assert sorted(set(frame["step"])) == [0, 2, 4, 6, 8, 9]
    held = _arrays(tmp_path / "run.db")
    path = _place(model, 0)
    assert held[path, 0, "tensor before"] == pytest.approx(start.ravel())
    for _, row in frame[frame["weight"] == path].iterrows():
        before, after = (held[path, row["step"], f"tensor {side}"] for side in ("before", "after"))
        assert row["violation"] == pytest.approx(max(0, -before.min()), rel=1e-5, abs=1e-7)
        assert row["moved"] == pytest.approx(np.linalg.norm(before - after), rel=1e-5, abs=1e-7)
        assert row["share_at_bound"] == pytest.approx(np.mean(after == 0))
        counts = np.histogram(after, 5, (after.min(), max(after.max(), 1e-30)))[0]
        assert held[path, row["step"], "histogram after"] == pytest.approx(counts, abs=1)
        assert held[path, row["step"], "histogram after"].sum() == after.size
    for name in ("tensor", "histogram"):
        read = WeightLog.read(tmp_path / "run.db", "dense*/kernel", arrays=f"{name}s")
        assert read["step"].tolist() == frame["step"].tolist()
        row = read[read["weight"] == path].iloc[-2]
        assert row["after"].shape == ((3, 4) if name == "tensor" else (5,))
        for side in ("before", "after"):
            kept = held[path, row["step"], f"{name} {side}"]
            np.testing.assert_array_equal(row[side].ravel(), kept)
            numbers = frame[frame["weight"] == path].iloc[-2]
            assert row[f"{side}_maximum"] == numbers[f"{side}_maximum"]
    norms = frame[frame["weight"] == _place(model, 1)]
    assert (norms["share_at_bound"] == 1).all()
    last = held[path, 8, "tensor after"]
    assert array(model.layers[0].kernel).shape == (3, 4)
    assert last.min() >= 0


def _arrays(path):
    database = sqlite3.connect(path)
    rows = database.execute(
        "SELECT path, step, kind, content FROM arrays JOIN weights ON weights.id = weight"
    ).fetchall()
    database.close()
    return {(p, step, kind): np.frombuffer(content, "<f4") for p, step, kind, content in rows}


def test_accumulation_logs_changes_with_the_whole_gradient(tmp_path):
    """With gradient accumulation a step is a change of the weights, its gradient the mean."""
    found = []
    for accumulated, size in ((None, 8), (4, 2)):
        keras.utils.set_random_seed(1)
        model = _model()
        model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=accumulated), "mse")
        ci.prepare(model, seed=1)
        log = WeightLog(tmp_path / f"{size}.db", every=2)
        model.fit(*_data(40), batch_size=size, shuffle=False, verbose=0, callbacks=[log])
        found.append(WeightLog.read(tmp_path / f"{size}.db"))
    assert found[0]["step"].tolist() == found[1]["step"].tolist() == [0, 0, 2, 2, 4, 4, 5, 5]
    for name in ("gradient_norm", "update_ratio", "after_norm"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-4)


@pytest.mark.skipif(not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has none")
def test_each_optimizer_of_several_is_looked_at(tmp_path):
    """Each weight is logged in the steps of the one that trains it; one that trains none is not."""
    model = _model()
    rates = {model.layers[0].kernel.path: 0.1, model.layers[1].kernel.path: 0.01}
    used = {path: keras.optimizers.SGD(rate) for path, rate in rates.items()}
    others = {"no/such/weight": keras.optimizers.SGD()}
    choice = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {**others, **used})
    model.compile(keras.optimizers.MultiOptimizer(choice), "mse")
    _fit(model, tmp_path / "run.db", every=2, epochs=2)
    _fit(model, tmp_path / "run.db", every=8)
    frame = WeightLog.read(tmp_path / "run.db").query("gradient_norm == gradient_norm")
    assert frame["step"].tolist() == sorted(2 * [*range(2, 18, 2), 24])
    for path, rate in rates.items():
        rows = frame[frame["weight"] == path]
        moved = rows["update_ratio"] * rows["before_norm"]
        np.testing.assert_allclose(moved, rate * rows["gradient_norm"], rtol=1e-3)
    assert "apply" not in vars(used[model.layers[0].kernel.path])


def test_a_step_between_two_logged_ones_is_one_without_a_log(tmp_path, monkeypatch):
    """Nobody looks at it, be it taken or compiled."""
    looked, begin = [], Tap.begin
    monkeypatch.setattr(Tap, "begin", lambda tap: (looked.append(tap.looks), begin(tap)))
    model = _compiled(_model())
    _fit(model, tmp_path / "run.db", every=4)
    assert set(looked) == {False, True}
    if keras.backend.backend() == "torch":
        assert looked == 2 * [False, False, False, True]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="others compile no program beside")
def test_the_numbers_are_compiled_once_for_a_shape_and_a_set(tmp_path, monkeypatch):
    """Not for each weight, and not again in the step: that took longer than many a model."""
    traced, numbers = [], _log_watch.numbers
    monkeypatch.setattr(_log_watch, "numbers", lambda *given: traced.append(1) or numbers(*given))
    layers = [keras.layers.Dense(7, kernel_constraint=ci.Box(-0.31, 0.77)) for _ in range(2)]
    model = keras.Sequential([keras.Input((7,)), *layers])
    model.compile("sgd", "mse")
    log = WeightLog(tmp_path / "run.db", every=2)
    model.fit(np.ones((16, 7)), np.ones((16, 7)), batch_size=2, verbose=0, callbacks=[log])
    assert len(WeightLog.read(tmp_path / "run.db")) == 2 * 5
    assert len(traced) == 1


@pytest.mark.parametrize("is_scaled", [False, True])
def test_saved_models_and_training_are_as_without_a_log(tmp_path, is_scaled):
    """A log leaves no variable in the optimizer or in what is saved, and changes no weight."""
    weights = []
    for logged in (False, True):
        keras.utils.set_random_seed(2)
        model = _model()
        adam = keras.optimizers.Adam()
        model.compile(keras.optimizers.LossScaleOptimizer(adam) if is_scaled else adam, "mse")
        log = [WeightLog(tmp_path / "run.db", every=3)] if logged else []
        save = keras.callbacks.ModelCheckpoint(str(tmp_path / f"{logged}.keras"))
        model.fit(
            *_data(), batch_size=4, epochs=2, verbose=0, shuffle=False, callbacks=[*log, save]
        )  # fmt: skip
        weights.append([array(v) for v in model.weights])
        size = len(model.optimizer.variables)
        loaded = keras.saving.load_model(tmp_path / f"{logged}.keras")
        assert len(loaded.optimizer.variables) == size
        assert int(loaded.optimizer.iterations) == 8
        loaded.fit(*_data(), batch_size=2, verbose=0, callbacks=log)
    for left, right in zip(*weights, strict=True):
        np.testing.assert_array_equal(left, right)
    steps = WeightLog.read(tmp_path / "run.db")["step"]
    assert sorted(set(steps)) == [0, 3, 6, 8, 9, 12, 15, 16]


class Kernels(keras.callbacks.Callback):
    """The first kernel after each batch."""

    def on_train_begin(self, logs=None):
        self.seen = [array(self.model.layers[0].kernel)]

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(array(self.model.layers[0].kernel))

    def moved(self):
        return [not np.array_equal(a, b) for a, b in itertools.pairwise(self.seen)]


@pytest.mark.parametrize("accumulated", [None, 2])
def test_steps_that_are_skipped_are_no_steps(tmp_path, accumulated):
    """Of float16: rows are of the steps that moved a weight, and of as many."""
    x, y = _data()
    inner = keras.optimizers.SGD(1e-6, gradient_accumulation_steps=accumulated)
    model = _model(dtype="mixed_float16")
    model.compile(keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**20), "mse")
    ci.project(model)
    log, kernels = WeightLog(tmp_path / "run.db", every=1, weights="*/kernel"), Kernels()
    model.fit(x, y, batch_size=2, epochs=3, verbose=0, callbacks=[log, kernels])
    moved = kernels.moved()
    assert 0 < sum(moved) < len(moved) // (accumulated or 1)
    frame = WeightLog.read(tmp_path / "run.db")
    first = frame[frame["weight"] == _place(model, 0)]
    assert first["step"].tolist() == list(range(sum(moved) + 1))
    assert (first["gradient_norm"][1:] > 0).all()


@pytest.mark.parametrize(
    ("optimizer", "dtype", "why"),
    [
        (
            lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), 1e30),
            "mixed_float16",
            "Each was skipped, as gradients were not finite in float16: the scale of the loss has",
        ),
        (
            lambda: keras.optimizers.SGD(gradient_accumulation_steps=9),
            "float32",
            r"9 batches make one \(gradient_accumulation_steps\)",
        ),
    ],
)
def test_why_there_was_no_step(tmp_path, optimizer, dtype, why):
    """The log has the start only, and is told why."""
    model = _model(dtype=dtype)
    model.compile(optimizer(), "mse")
    with pytest.warns(UserWarning, match=f"has made no step: the log .* {why}"):
        _fit(model, tmp_path / "run.db", every=1)
    assert set(WeightLog.read(tmp_path / "run.db")["step"]) == {0}


def test_training_that_goes_on_adds_no_step_twice(tmp_path):
    """Resumed training goes on in its run, from its end or a lost one; afresh: another run."""
    model = _model()
    model.compile("sgd", "mse", run_eagerly=EAGER)
    _fit(model, tmp_path / "run.db", every=2)
    model.optimizer.iterations.assign(5)
    _fit(model, tmp_path / "run.db", every=2)
    frame = WeightLog.read(tmp_path / "run.db")
    assert sorted(set(frame["step"])) == [0, 2, 4, 6, 8, 10, 12, 13]
    last = frame[frame["weight"] == _place(model, 0)].iloc[-1]
    assert last["after_norm"] == pytest.approx(np.linalg.norm(array(model.layers[0].kernel)))
    assert np.isnan(last["gradient_norm"])
    _fit(model, tmp_path / "run.db", every=2)
    frame = WeightLog.read(tmp_path / "run.db")
    assert sorted(set(frame["step"]))[-6:] == [13, 14, 16, 18, 20, 21]
    assert not frame.duplicated(["weight", "step"]).any()
    again = _model()
    again.compile("sgd", "mse", run_eagerly=EAGER)
    _fit(again, tmp_path / "run.db", every=4)
    assert sorted(set(WeightLog.read(tmp_path / "run.db")["step"])) == [0, 4, 8]
    assert WeightLog.read(tmp_path / "run.db", run=1)["step"].max() == 21


@pytest.mark.parametrize("same", [True, False])
def test_an_interrupted_training_loses_nothing_and_is_let_go_of(tmp_path, same):
    """Its steps are read; a log goes on in the same file.

    Nothing stays in the optimizer.
    """
    model, path = _compiled(_model()), tmp_path / "run.db"

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    log = WeightLog(path, every=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*_data(), batch_size=2, verbose=0, callbacks=[log, Interrupt()])
    kernel = _place(model, 0)
    if same:
        assert [*WeightLog.read(path, kernel)["step"]] == [*range(4)]
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    again = log if same else WeightLog(path, every=1)
    model.fit(*_data(), batch_size=2, verbose=0, callbacks=[again])
    assert [*WeightLog.read(path, kernel)["step"]] == [*range(12)]
    assert "apply" not in vars(model.optimizer)
    assert "make_train_function" not in vars(model)


def test_weights_without_a_constraint_and_half_precision(tmp_path):
    """Any weight can be logged by pattern, in mixed precision; frozen ones are there, too."""
    model = _model(dtype="mixed_float16")
    model.layers[1].trainable = False
    model.compile(keras.optimizers.SGD(0.01), "mse")
    _fit(model, tmp_path / "run.db", every=4, weights="*")
    frame = WeightLog.read(tmp_path / "run.db")
    assert sorted(set(frame["weight"])) == sorted(v.path for v in model.weights)
    assert sorted(set(frame["step"])) == [0, 4, 8]
    assert (frame["weight"].value_counts() == 3).all()
    bias = frame[frame["weight"] == _place(model, 0, "bias")]
    for name in ("violation", "moved", "share_moved", "share_at_bound"):
        assert bias[name].isna().all()
    frozen = frame[frame["weight"] == _place(model, 1)]
    outside = np.abs(np.linalg.norm(array(model.layers[1].kernel), axis=0) - 1).max()
    assert frozen["violation"].tolist() == pytest.approx(3 * [outside], rel=1e-3)
    assert bias["gradient_norm"].notna().tolist() == [False, True, True]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_weights_of_every_dtype_are_logged(tmp_path, dtype):
    """The start, steps, the end, and weights without a constraint."""
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has it by a switch only")
    sets = [ci.NonNegative(), ci.UnitNorm(), ci.Sign(1), ci.Simplex(), ci.Orthogonal()]
    layers = [keras.layers.Dense(3, kernel_constraint=a_set, dtype=dtype) for a_set in sets]
    model = keras.Sequential([keras.Input((3,), dtype=dtype), *layers])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = _data()[0].astype("float64")
    log = WeightLog(tmp_path / "run.db", every=2, weights="*", histograms=3, tensors=9)
    model.fit(x, x, batch_size=4, verbose=0, callbacks=[log])
    frame = WeightLog.read(tmp_path / "run.db")
    assert sorted(set(frame["step"])) == [0, 2, 4]
    last = frame[frame["step"] == 4].set_index("weight")
    for weight in model.weights:
        held = np.asarray(ops.convert_to_numpy(ops.cast(weight.value, "float32")))
        row = last.loc[weight.path]
        assert row["after_norm"] == pytest.approx(np.linalg.norm(held), rel=1e-3)
        assert row["gradient_norm"] > 0


def test_weights_that_are_computed_are_logged(tmp_path):
    """Of a weight that is seen through a map: itself, its set, and what moved its free value."""
    sets = [ci.Orthogonal(), ci.Grid(0.5), ci.Box(-1, 1)]
    layers = [ci.Reparametrized(keras.layers.Dense(3), kernel=a_set) for a_set in sets]
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(2)])
    model.layers[2].trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=EAGER)
    kernels = [layer.layer.kernel for layer in layers]
    starts = [array(kernel) for kernel in kernels]
    _fit(model, tmp_path / "run.db", count=2, tensors=10)
    frame = WeightLog.read(tmp_path / "run.db")
    assert [*frame["weight"]] == 2 * [kernel.path for kernel in kernels]
    assert [row.weight for row in ci.check(model).rows] == [kernel.path for kernel in kernels]
    assert (frame["violation"] == 0).all()
    assert frame[["moved", "share_moved"]].isna().all(axis=None)
    for n, (kernel, start) in enumerate(zip(kernels, starts, strict=True)):
        now = array(kernel)
        first, last = frame.iloc[n], frame.iloc[3 + n]
        assert first["after_norm"] == pytest.approx(np.linalg.norm(start), rel=1e-5)
        assert last["after_norm"] == pytest.approx(np.linalg.norm(now), rel=1e-5)
        assert last["after_mean"] == pytest.approx(now.mean(), abs=1e-6)
        change = np.linalg.norm(now - start) / np.linalg.norm(now)
        if n == 2:
            assert change == 0
            assert np.isnan(last["gradient_norm"])
        else:
            assert last["update_ratio"] == pytest.approx(change, rel=1e-3, abs=1e-6)
            assert last["gradient_norm"] > 0
    assert np.isnan(frame.iloc[0]["update_ratio"])
    whole = WeightLog.read(tmp_path / "run.db", kernels[0].path, arrays="tensors")
    assert np.allclose(whole.iloc[1]["after"].reshape(3, 3), array(kernels[0]), atol=1e-6)


def test_a_weight_that_is_lost_is_counted(tmp_path):
    """Entries that are not finite are counted, and the numbers are of those that are."""
    model = _model()
    model.compile(keras.optimizers.SGD(0.0), "mse")
    kernel = array(model.layers[0].kernel)
    kernel[0, 0], kernel[1, 1] = np.nan, np.inf
    model.layers[0].kernel.assign(kernel)
    _fit(model, tmp_path / "run.db", every=8)
    row = WeightLog.read(tmp_path / "run.db", _place(model, 0)).iloc[0]
    finite = kernel[np.isfinite(kernel)]
    assert row["before_nonfinite"] == 2
    assert row["before_norm"] == pytest.approx(np.linalg.norm(finite))
    assert row["before_maximum"] == pytest.approx(finite.max())


class Twins(keras.layers.Layer):
    """Two weights of one name."""

    def build(self, shape):
        for _ in range(2):
            self.add_weight((shape[-1],), name="w", constraint=ci.NonNegative())

    def call(self, z):
        return z * self.weights[0] + self.weights[1]


def test_weights_of_one_name_are_told_apart(tmp_path):
    """The second has a number."""
    model = _compiled(keras.Sequential([keras.Input((3,)), Twins(name="twins")]))
    x, _ = _data()
    model.fit(x, x, verbose=0, callbacks=[WeightLog(tmp_path / "run.db")])
    assert WeightLog.read(tmp_path / "run.db")["weight"].tolist()[:2] == ["twins/w", "twins/w#2"]


class Sink:
    """Notes when a step reaches it, and of which weights."""

    def __init__(self):
        self.steps, self.names = [], set()

    def write(self, step, records):
        self.steps.append(step)
        self.names |= {*records}

    def close(self):
        pass


def _part(name):
    """A model in a model, whose weights Keras gives the paths of every other part."""
    inputs = keras.Input((3,))
    dense = keras.layers.Dense(3, name="dense", kernel_constraint=ci.NonNegative())
    return keras.Model(inputs, dense(inputs), name=name)


def test_weights_are_named_as_check_names_them(tmp_path):
    """Where Keras has two weights of one path: after the layers that lead to them."""
    inputs = keras.Input((3,))
    nested = keras.Model(inputs, _part("b")(_part("a")(inputs)))
    for model, names in ((_model(), None), (nested, ["a/dense/kernel", "b/dense/kernel"])):
        model, path = _compiled(model), tmp_path / f"{model.name}.db"
        x, y = _data()
        model.fit(x, y if names is None else x, verbose=0, callbacks=[WeightLog(path)])
        found = WeightLog.read(path)["weight"].cat.categories
        assert [*found] == (names or [row.weight for row in ci.check(model).rows])


def test_a_run_goes_on_under_the_names_that_it_has(tmp_path):
    """Of a file of an earlier version, or where another model of the same layers is trained."""
    model, path, sink = _compiled(_model()), tmp_path / "run.db", Sink()
    _fit(model, path, every=4)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE weights SET path = substr(path, instr(path, '/') + 1)")
        database.commit()
    _fit(model, path, every=4, sinks=[sink])
    frame = WeightLog.read(path)
    assert sorted(set(frame["step"])) == [0, 4, 8, 12, 16]
    names = [f"{layer.name}/kernel" for layer in model.layers]
    assert [*frame["weight"].cat.categories] == names
    assert sink.names == {*names}
    model.layers[1].kernel.constraint = ci.NonNegative()
    _fit(model, path, every=4)
    assert [*WeightLog.read(path)["weight"].cat.categories] == [
        layer.kernel.path for layer in model.layers
    ]


@pytest.mark.parametrize("seconds", [0, 1e9])
def test_rows_are_read_while_an_epoch_goes_on(tmp_path, monkeypatch, seconds):
    """Now and then, be it seldom; of more steps than the device keeps none is lost."""
    monkeypatch.setattr("constrainit.callbacks._log_reach._ROWS", 4)
    monkeypatch.setattr("constrainit.callbacks._log._SECONDS", seconds)
    model, sink, seen = _compiled(_model()), Sink(), []

    class See(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(max(sink.steps))

    log = WeightLog(tmp_path / "run.db", every=1, sinks=[sink])
    model.fit(*_data(40), batch_size=2, verbose=0, callbacks=[log, See()])
    assert sink.steps == [*range(21)]
    # On JAX and TensorFlow callbacks may be called behind the steps.
    assert (max(seen) >= 10) == (seconds == 0)


def _compiled(model):
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        (3, {}, "`path` of `WeightLog` must be the path of a file"),
        ("run.db", {"every": 0}, "`every` of `WeightLog` must be an integer of at least 1"),
        ("run.db", {"weights": "no/such"}, "A pattern of `WeightLog` must match a weight"),
        ("no/such/run.db", {}, "There is no folder"),
        ("text.db", {}, "is no log of constrainit and is left as it is"),
        ("other.db", {}, "is no log of constrainit and is left as it is"),
        ("newer.db", {}, "was written by a newer constrainit"),
    ],
)
def test_what_can_not_be_logged_is_said(tmp_path, path, arguments, message):
    """One clear message for a wrong argument or a file that is something else."""
    (tmp_path / "text.db").write_text("a text that somebody needs" * 9)
    _database(tmp_path / "other.db", "CREATE TABLE theirs (x)")
    Writer(tmp_path / "newer.db").close()
    _database(tmp_path / "newer.db", "PRAGMA user_version = 99")
    with pytest.raises(ValueError, match=message):
        _fit(_compiled(_model()), path if path == 3 else str(tmp_path / path), **arguments)
    assert (tmp_path / "text.db").read_text() == "a text that somebody needs" * 9


@pytest.mark.parametrize("kind", [ci.WeightLog, ci.StopAtFault])
def test_a_folder_that_is_missing_is_said_at_once(kind, tmp_path):
    """Where the callback is written, not when the data is ready."""
    path = tmp_path / "no" / "file"
    with pytest.raises(ValueError, match=f"no folder '.*no' for `path` of `{kind.__name__}`"):
        kind(path)


def test_a_file_that_is_missing_is_said_before_pandas_is(tmp_path, monkeypatch):
    """Installing pandas would not help."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueError, match="There is no log"):
        ci.WeightLog.read(tmp_path / "no.db")


@pytest.mark.parametrize("kind", [ci.WeightLog, ci.StopAtFault])
def test_a_folder_is_told_where_it_is_given(kind, tmp_path):
    """Not first by `fit`."""
    with pytest.raises(ValueError, match=r"must be the path of a file.* It is a folder\."):
        kind(tmp_path)


@pytest.mark.parametrize("weights", [3, [], [3], {"*/kernel": None}])
def test_what_is_no_pattern_is_told_where_it_is_given(weights):
    """Not first by `fit`."""
    with pytest.raises(ValueError, match="`weights` of `WeightLog` must be a pattern or a list"):
        ci.WeightLog("run.db", weights=weights)


def test_the_nearest_pattern_is_offered(tmp_path):
    """Of a slip in a pattern, by the log that is written and by the one that is read."""
    with pytest.raises(ValueError, match=r"Write '\*/kernel'\.$"):
        _fit(_compiled(_model()), tmp_path / "run.db", weights="*/kernal")
    _fit(_compiled(_model()), tmp_path / "run.db", weights="*/kernel")
    with pytest.raises(ValueError, match=r"Write '\*/kernel'\.$"):
        ci.WeightLog.read(tmp_path / "run.db", "*/krnel")


def _database(path, statement):
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


@pytest.mark.parametrize("shape", [(1,), (33,), (16, 3), (1030, 70), (2, 2, 20, 4)])
def test_sums_and_shares_are_those_of_numpy(shape):
    """Whatever blocks of rows a weight is counted in, and what is left over behind them."""
    one, other = np.random.default_rng(0).integers(-2, 3, (2, *shape)).astype("float32")
    a, b = ops.convert_to_tensor(one), ops.convert_to_tensor(other)
    assert float(_log_sums.share_other(a, b)) == pytest.approx(np.mean(one != other))
    ends = np.mean((one <= -1.0) | (one >= 2.0))
    assert float(_log_sums.share_at(a, -1.0, 2.0)) == pytest.approx(ends)
    assert float(_log_sums.share_at(a, 0.0, 0.0)) == 1.0
    assert float(_log_sums.share_at(a, None, 2.0)) == pytest.approx(np.mean(one >= 2.0))
    assert float(_log_sums.squares(_log_sums.rows(a))) == pytest.approx(np.square(one).sum())
    assert float(_log_sums.total(_log_sums.rows(a))) == one.sum()
    assert [float(end) for end in _log_sums.ends(_log_sums.rows(a))] == [one.min(), one.max()]
    assert float(_log_sums.largest(_log_sums.rows(a))) == np.abs(one).max()


def test_two_writers_are_told(tmp_path):
    """One file has one writer; the second gets one message, the first goes on."""
    writer = Writer(tmp_path / "run.db")
    with pytest.raises(LogError, match="is being written by another training"):
        _fit(_compiled(_model()), tmp_path / "run.db")
    writer.close()
    _fit(_compiled(_model()), tmp_path / "run.db")
    assert {f.name for f in tmp_path.iterdir()} == {"run.db"}


@pytest.mark.parametrize("same", [True, False])
def test_a_training_within_another_is_told(tmp_path, same):
    """One that a callback begins takes nothing from the log of the outer one."""
    path, raised = tmp_path / "run.db", []
    inner, outer = _compiled(_model()), _compiled(_model())
    log = WeightLog(path, every=1)

    class Inner(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                own = log if same else WeightLog(path, every=1)
                with pytest.raises(LogError, match="written by another training") as e:
                    inner.fit(*_data(), batch_size=2, verbose=0, callbacks=[own])
                raised.append(e)
                log.set_model(outer)

    given = {"batch_size": 2, "epochs": 2, "verbose": 0}
    outer.fit(*_data(), callbacks=[log, Inner()], **given)
    assert raised
    assert [*WeightLog.read(path, _place(outer, 0))["step"]] == [*range(17)]
    outer.fit(*_data(), callbacks=[WeightLog(path, every=1)], **given)


@pytest.mark.skipif(sys.platform == "win32", reason="locks in another way")
def test_a_folder_without_locks_is_no_other_training(tmp_path, monkeypatch):
    """What can not be locked is told as such; a lock that vanished is taken anew."""
    import fcntl

    def unsupported(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.raises(LogError, match=r"takes no lock, .*No locks available.* local disk"):
        Writer(tmp_path / "run.db")
    monkeypatch.undo()
    take, turns = fcntl.flock, []

    def removed_meanwhile(handle, how):
        take(handle, how)
        if not turns:
            (tmp_path / "run.db.lock").unlink()
        turns.append(os.fstat(handle).st_nlink)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    Writer(tmp_path / "run.db").close()
    assert turns == [0, 1]


def test_a_disk_that_is_full_ends_no_training(tmp_path):
    """Training goes on with one warning, and the log holds what was committed."""
    model, path = _compiled(_model()), tmp_path / "run.db"

    class Fill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                pages = log._output.writer._database.execute("PRAGMA page_count").fetchone()[0]
                log._output.writer._database.execute(f"PRAGMA max_page_count = {pages}")

    log = WeightLog(path, every=1, tensors=100)
    with pytest.warns(UserWarning, match="can not be written any more: .*full") as told:
        model.fit(*_data(), batch_size=1, epochs=9, verbose=0, callbacks=[log, Fill()])
    assert sum("can not be written" in str(one.message) for one in told) == 1
    assert int(model.optimizer.iterations) == 9 * 16
    steps = WeightLog.read(path)["step"]
    assert 16 <= steps.max() < 9 * 16


# The file of a log needs no Keras: a child that does without starts at once.
_KILLED = """
import sys
from pathlib import Path
from types import ModuleType
package = sys.modules["constrainit"] = ModuleType("constrainit")
package.__path__ = [sys.argv[2]]
from constrainit.log._storage import COLUMNS, Weight
from constrainit.log._writer import Writer
writer = Writer(Path(sys.argv[1]), seconds=0)
writer.begin({}, [Weight("w", (2,), "float32", None)], 0)
step = 0
while True:
    step += 1
    writer.add("w", step, [float(step)] * len(COLUMNS))
    writer.add_array("w", step, "tensor after", bytes(4000))
    writer.commit()
    print(step, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_was_committed(tmp_path):
    """After kill -9 the log opens, holds every committed record, and can be written again."""
    package = str(Path(ci.__file__).parent)
    for wanted in (1, 2, 3, 5, 9, 30):
        path = tmp_path / f"{wanted}.db"
        child = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(path), package], stdout=subprocess.PIPE, text=True
        )
        told = [int(child.stdout.readline()) for _ in range(wanted)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        frame = WeightLog.read(path)
        assert set(told) <= set(frame["step"])
        assert (frame["after_norm"] == frame["step"]).all()
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        assert {one.name for one in tmp_path.glob(f"{wanted}.db-*")} == set()
        Writer(path).close()


def test_a_damaged_log_is_told(tmp_path):
    """Whatever page of the file is lost: one message, by the frame and by the command."""
    writer = Writer(tmp_path / "run.db")
    writer.begin({}, [Weight("w", (2,), "float32", None)], 0)
    for step in range(200):
        writer.add("w", step, [0.5] * len(COLUMNS))
    writer.commit()
    writer.close()
    whole = (tmp_path / "run.db").read_bytes()
    for start in range(4096, len(whole), 4096):
        lost = whole[:start] + 64 * b"\xfe" + whole[start + 64 :]
        (tmp_path / "run.db").write_bytes(lost)
        with contextlib.suppress(LogError):
            WeightLog.read(tmp_path / "run.db")
    (tmp_path / "run.db").write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(LogError, match=r"'.*run\.db' can not be read: .*malformed"):
        WeightLog.read(tmp_path / "run.db")
    done = CliRunner().invoke(cli, ["log", str(tmp_path / "run.db")])
    assert done.exit_code == 2
    assert "can not be read" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="has no such files")
@pytest.mark.parametrize("path", ["/proc/run.db", "/dev/full"])
def test_what_can_not_be_written_is_told(path):
    """A folder or a file that takes nothing."""
    with pytest.raises(LogError, match=rf"The log '{path}' can not be (opened|used): "):
        _fit(_compiled(_model()), path)


def test_reading_leaves_nothing_beside_the_log(tmp_path):
    """Nor does writing; where somebody still reads as the writer ends, the last one clears up."""
    path = tmp_path / "run.db"

    def files():
        return {one.name for one in tmp_path.iterdir()}

    for last_reads in (False, True):
        writer = Writer(path, seconds=0)
        writer.begin({}, [Weight("w", (2,), "float32", None)], 0)
        writer.add("w", 0, [0.0] * len(COLUMNS))
        writer.commit()
        reader = connect(path)
        assert list(reader.execute("SELECT step FROM records LIMIT 1")) == [(0,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM records")
        assert "run.db-wal" in files()
        for one in (writer, reader) if last_reads else (reader, writer):
            one.close()
        assert files() == {"run.db"}
    Writer(path).close()
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert len(WeightLog.read(path)) == 1
    assert files() == {"run.db"}


def test_a_file_of_another_program_is_not_cleared_up(tmp_path):
    """What it has left beside its database is its own to take in."""
    made = sqlite3.connect(tmp_path / "made.db")
    made.executescript("PRAGMA journal_mode = WAL; CREATE TABLE other (x);")
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"made.db{end}", tmp_path / f"left.db{end}")
    before = [(tmp_path / f"left.db{end}").read_bytes() for end in ("", "-wal")]
    with pytest.raises(LogError, match="is no log of constrainit"):
        connect(tmp_path / "left.db")
    assert before == [(tmp_path / f"left.db{end}").read_bytes() for end in ("", "-wal")]
    made.close()


def test_a_log_is_read_while_it_is_written(tmp_path):
    """A reader sees what was committed, and holds up nobody."""
    writer = Writer(tmp_path / "run.db", seconds=0)
    writer.begin({}, [Weight("a/b", (2,), "float32", None)], 0)
    for step in range(3):
        writer.add("a/b", step, [float(step)] * len(COLUMNS))
        writer.tick()
        assert WeightLog.read(tmp_path / "run.db", "b")["step"].tolist() == [*range(step + 1)]
    writer.close()


def _written(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [
            [
                step
                for (step,) in database.execute(f"SELECT step FROM {table} ORDER BY weight, step")
            ]
            for table in ("records", "arrays")
        ]


def test_runs_and_steps_of_a_file(tmp_path):
    """A run goes on where training does, with the same weights; no step is there twice."""
    one, other = Weight("w", (2,), "float32", None), Weight("v", (2,), "float32", None)
    writer = Writer(tmp_path / "run.db", seconds=1e9)

    def add(*steps, number=0.0):
        for step in steps:
            writer.add("w", step, [number] * len(COLUMNS))
            writer.add_array("w", step, "tensor after", bytes(8))

    assert writer.begin({}, [one], 0)
    add(0, 3, 6)
    writer.commit()
    assert not writer.begin({}, [one], 4)
    assert _written(tmp_path / "run.db") == 2 * [[0, 3]]
    add(3, 5, 7, number=1.0)
    writer.go_back(5)
    writer.commit()
    assert _written(tmp_path / "run.db") == 2 * [[0, 3, 5]]
    writer.go_back(3)
    assert _written(tmp_path / "run.db") == 2 * [[0, 3]]
    assert WeightLog.read(tmp_path / "run.db")["after_norm"].tolist() == [0.0, 1.0]
    assert writer.begin({}, [other], 4)
    assert writer.begin({}, [one], 0)
    add(*range(100))
    writer.tick()
    assert _written(tmp_path / "run.db") == 2 * [[0, 3, *range(100)]]
    writer.close()


def test_a_model_without_an_optimizer_is_told(tmp_path):
    """Where a loop calls callbacks itself."""
    log = WeightLog(tmp_path / "run.db")
    log.set_model(_model())
    with pytest.raises(ValueError, match="compiled with an optimizer"):
        log.on_train_begin()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no.db",), "There is no log"),
        (("run.db", "x/*"), "No weight of the log .* matches 'x/\\*'. It has: 'w'."),
        (("run.db", None, 7), "has no run 7. It has: 1."),
        (
            ("run.db", None, None, "bins"),
            "`arrays` of `WeightLog.read` must be 'histograms' or 'tensors', or None",
        ),
    ],
)
def test_what_can_not_be_read_is_said(tmp_path, arguments, message):
    """One clear message for a file, a weight or a run that is not there."""
    writer = Writer(tmp_path / "run.db")
    writer.begin({}, [Weight("w", (2,), "float32", None)], 0)
    writer.close()
    with pytest.raises(ValueError, match=message):
        WeightLog.read(tmp_path / arguments[0], *arguments[1:])
