"""Steps that callbacks look into are compiled once, not at each `fit`; nobody is kept alive."""

import contextlib
import gc
import sqlite3
import subprocess
import sys
import time
import weakref

import keras
import numpy as np
import pytest
from conftest import array
from keras import ops

import constrainit as ci

pytestmark = pytest.mark.everywhere

BACKEND = keras.backend.backend()
CALLBACKS = {
    "log": lambda folder: [ci.WeightLog(folder / "run.db", every=2)],
    "other log": lambda folder: [ci.WeightLog(folder / "other.db", every=3, weights="*")],
    "stop": lambda folder: [ci.StopAtFault(None, every=3)],
    "keep": lambda folder: [ci.KeepFeasible()],
    "nothing": lambda folder: [],
    "three": lambda folder: [
        ci.KeepFeasible(), ci.WeightLog(folder / "run.db", every=2), ci.StopAtFault(None),
    ],
}  # fmt: skip


class Traced:
    """A model that counts how often its step is traced, fitted with callbacks by name."""

    def __init__(self, folder):
        self.folder, self.traces = folder, 0
        self.first = keras.layers.Dense(3, kernel_constraint=ci.NonNegative())
        self.last = keras.layers.Dense(2, kernel_constraint=ci.UnitNorm())
        self.model = keras.Sequential([keras.Input((3,)), self.first, self.last])
        self.compile()
        ci.project(self.model)

    def compile(self, rate=0.1):
        def loss(y, predicted):
            self.traces += 1
            return ops.mean(ops.square(y - predicted))

        self.model.compile(keras.optimizers.SGD(rate), loss)

    def fit(self, name, batches=8):
        """Gives how often the step was traced."""
        self.traces = 0
        x = np.random.default_rng(0).normal(size=(2 * batches, 3)).astype("float32")
        self.model.fit(
            x, np.ones((2 * batches, 2), "float32"), batch_size=2, shuffle=False, verbose=0,
            callbacks=CALLBACKS[name](self.folder),
        )  # fmt: skip
        return self.traces


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C before the fourth batch."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 3:
            raise KeyboardInterrupt


COMPILES = pytest.mark.skipif(BACKEND == "torch", reason="compiles no step")


@COMPILES
def test_a_second_fit_compiles_nothing(tmp_path):
    """Whatever callbacks come and go in between, each is traced for once."""
    traced = Traced(tmp_path)
    first = {name: traced.fit(name) for name in ("nothing", "log", "stop", "three", "keep")}
    assert first["nothing"] > 0
    assert [first[name] for name in ("log", "stop", "three", "keep")] == [2, 1, 2, 0]
    again = [*first, "log"]
    assert [traced.fit(name) for name in again] == [0] * len(again)
    read = ci.WeightLog.read(tmp_path / "run.db")
    assert read["step"].max() == 88
    kernel = read[read["weight"] == traced.last.kernel.path].iloc[-1]
    assert kernel["after_norm"] == pytest.approx(np.linalg.norm(array(traced.last.kernel)))


@COMPILES
@pytest.mark.parametrize("name", ["log", "three"])
def test_what_changes_is_compiled_anew(tmp_path, name):
    """A model that is compiled, a weight that is frozen, another constraint, other weights."""
    traced = Traced(tmp_path)
    traced.fit(name)
    assert traced.fit(name) == 0
    traced.compile(rate=0.0)
    start = array(traced.first.kernel)
    assert traced.fit(name) > 0
    np.testing.assert_array_equal(array(traced.first.kernel), start)
    # On JAX Keras asks for another `compile` where another weight is trained.
    if BACKEND == "tensorflow":
        traced.compile()
        traced.fit(name)
        traced.first.trainable = False
        start = array(traced.first.kernel)
        assert traced.fit(name) > 0
        np.testing.assert_array_equal(array(traced.first.kernel), start)
        traced.first.trainable = True
        assert traced.fit(name) == 0
        assert not np.array_equal(array(traced.first.kernel), start)
        # Others with the same constraints.
        traced.last.kernel.trainable = False
        for layer in (traced.first, traced.last):
            layer.bias.trainable, start = False, array(layer.bias)
            assert traced.fit(name) > 0
            np.testing.assert_array_equal(array(layer.bias), start)
            layer.bias.trainable = True
        traced.last.kernel.trainable = True
    # Not by `constrain`, which has the train function made anew itself.
    traced.last.kernel.constraint = ci.UnitNorm().resolve((0,)) & ci.NonNegative()
    assert traced.fit(name) > 0
    assert (array(traced.last.kernel) >= 0).all()
    assert traced.fit("other log") > 0


@COMPILES
def test_a_constraint_that_nobody_watches_is_compiled_anew(tmp_path, monkeypatch):
    """A log of one weight does not keep what was compiled for the others as they were."""
    traced = Traced(tmp_path)
    name = f"{traced.first.name}/kernel"

    def watching(folder):
        return [ci.WeightLog(folder / "run.db", every=2, weights=name)]

    monkeypatch.setitem(CALLBACKS, "one weight", watching)
    traced.fit("one weight")
    assert traced.fit("one weight") == 0
    traced.last.kernel.constraint = ci.UnitNorm().resolve((0,)) & ci.NonNegative()
    assert traced.fit("one weight") > 0
    assert (array(traced.last.kernel) >= 0).all()


BOX = ci.Box(-0.0625, 0.0625)
OTHERS = {
    "weight": ({"weights": "first/bias"}, {"weights": "last/bias"}),
    "constraint": ({"weights": "first/kernel"}, {"weights": "first/kernel"}),
    "histograms": ({}, {"histograms": 4}),
    "tensors": ({}, {"tensors": 99}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_log_of_other_numbers_has_them(tmp_path, name):
    """Not those that were compiled for the log before, at the same steps."""
    first = keras.layers.Dense(3, name="first", kernel_constraint=ci.NonNegative())
    last = keras.layers.Dense(2, name="last", kernel_constraint=ci.UnitNorm())
    model = keras.Sequential([keras.Input((3,)), first, last])
    model.compile("sgd", "mse")
    for number, asked in enumerate(OTHERS[name]):
        if number and name == "constraint":
            first.kernel.constraint = BOX
        log = ci.WeightLog(tmp_path / f"{number}.db", every=2, **asked)
        x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
        model.fit(x, y, batch_size=2, verbose=0, callbacks=[log])
    frame = ci.WeightLog.read(tmp_path / "1.db").query("step == 8")
    assert frame["gradient_norm"].notna().all()
    known = {v.path: array(v) for v in model.weights}
    for _, row in frame.iterrows():
        weight = known[row["weight"]]
        assert row["after_norm"] == pytest.approx(np.linalg.norm(weight), rel=1e-5)
        if name == "constraint":
            at_bound = np.mean(abs(weight) == 0.0625)
            assert row["share_at_bound"] == pytest.approx(at_bound)
    if name in ("histograms", "tensors"):
        kept = ci.WeightLog.read(tmp_path / "1.db", arrays=name).query("step == 8")
        assert len(kept) == len(frame)
        for _, row in kept.iterrows():
            weight = known[row["weight"]]
            if name == "tensors":
                np.testing.assert_array_equal(row["after"], weight)
            else:
                assert row["after"].sum() == weight.size


@COMPILES
@pytest.mark.parametrize("count", [4, 5])
def test_what_was_compiled_for_some_is_kept(tmp_path, monkeypatch, count):
    """Of four sets of callbacks the first is traced for once; of more it is let go."""
    traced = Traced(tmp_path)

    def watching(every):
        return lambda folder: [
            ci.WeightLog(folder / f"{every}.db", every=every), ci.StopAtFault(None),
        ]  # fmt: skip

    for every in range(2, 2 + count):
        monkeypatch.setitem(CALLBACKS, every, watching(every))
        assert traced.fit(every) > 0
    assert (traced.fit(2) == 0) == (count == 4)


@pytest.mark.skipif(BACKEND != "jax", reason="JAX tells what it compiles")
def test_the_whole_of_a_second_fit_compiles_nothing(tmp_path):
    """Nor what is done between steps, such as the numbers of the start and of the end."""
    import jax

    traced, compiled = Traced(tmp_path), []
    traced.fit("three")
    traced.fit("three")

    def heard(event, seconds, **about):
        if "backend_compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(heard)
    traced.fit("three")
    assert compiled == []
    traced.compile()
    traced.fit("three")
    assert compiled


def test_what_was_kept_is_that_of_this_fit(tmp_path):
    """Rows of an earlier fit are not those of this one, nor a fault; two logs have each their own.

    The second run begins at step 0 again.
    """
    traced = Traced(tmp_path)
    for batches in (8, 4):
        traced.fit("log", batches)
        traced.model.optimizer.iterations.assign(0)
    for run, expected in ((1, [0, 2, 4, 6, 8]), (2, [0, 2, 4])):
        steps = ci.WeightLog.read(tmp_path / "run.db", run=run)["step"]
        assert sorted(set(steps)) == expected
    traced.fit("other log", 7)
    traced.model.optimizer.iterations.assign(2)
    traced.fit("other log", 4)
    assert sorted(set(ci.WeightLog.read(tmp_path / "other.db")["step"])) == [0, 3, 6]
    x = np.full((4, 3), np.nan, "float32")
    stops = [ci.StopAtFault(None) for _ in range(2)]
    with pytest.warns(UserWarning, match="its batch is not finite"):
        traced.model.fit(x, np.ones((4, 2), "float32"), verbose=0, callbacks=stops[:1])
    sound = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    traced.model.fit(*sound, verbose=0, callbacks=stops)
    assert [len(stop.faults) for stop in stops] == [0, 0]
    twins = [ci.WeightLog(tmp_path / f"{name}.db", every=1) for name in "ab"]
    traced.model.fit(*sound, batch_size=1, verbose=0, callbacks=twins)
    left, right = (ci.WeightLog.read(tmp_path / f"{name}.db") for name in "ab")
    assert len(set(left["step"])) == 5
    assert left.equals(right)


def test_a_fault_of_an_interrupted_fit_is_not_found_again():
    """What it has noted, or lost, is not that of the next fit: an infinity that was clipped."""
    dense = keras.layers.Dense(1, use_bias=False, kernel_constraint=ci.NonNegative())
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(keras.optimizers.SGD(1e30), "mse")
    dense.kernel.assign(np.full((3, 1), 0.1, "float32"))
    x, y = np.ones((16, 3), "float32"), np.zeros((16, 1), "float32")
    x[:2] = 1e5
    stops = [ci.StopAtFault(None) for _ in range(2)]
    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[stops[0], Interrupt()]
        )  # fmt: skip
    stops[0].close()
    dense.kernel.assign(np.zeros((3, 1), "float32"))
    model.fit(x[2:], y[2:], batch_size=2, verbose=0, callbacks=[stops[1]])
    assert [stop.faults for stop in stops] == [[], []]


@pytest.mark.parametrize("closed", [0, 1])
def test_one_of_two_may_be_closed_while_training_goes_on(tmp_path, closed):
    """The other looks on."""
    traced = Traced(tmp_path)
    logs = [ci.WeightLog(tmp_path / f"{name}.db", every=2) for name in "ab"]

    class Close(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs_=None):
            logs[closed].close()

    x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
    traced.model.fit(x, y, batch_size=2, epochs=2, verbose=0, callbacks=[*logs, Close()])
    steps = [sorted(set(ci.WeightLog.read(log.path)["step"])) for log in logs]
    assert steps[closed] == [0, 2, 4]
    assert steps[1 - closed] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("name", ["log", "stop", "three"])
def test_a_fit_that_fails_in_a_step_is_let_go_of(tmp_path, name):
    """On JAX the state is lost with it: nothing else goes wrong. `StopAtFault` lets go at once."""
    traced, begun = Traced(tmp_path), []

    class Begin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            begun.append(epoch)

    def fails(y, predicted):
        if begun:
            raise ValueError("no loss")
        return ops.mean(y - predicted)

    callbacks = CALLBACKS[name](tmp_path)
    traced.model.compile("sgd", fails)
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    with pytest.raises(ValueError, match="no loss"):
        traced.model.fit(x, y, verbose=0, callbacks=[*callbacks, Begin()])
    for one in callbacks:
        if isinstance(one, ci.WeightLog):
            one.close()
    assert "apply" not in vars(traced.model.optimizer)
    if name == "stop":
        assert callbacks[0]._steps is None
        return
    assert set(ci.WeightLog.read(tmp_path / "run.db")["step"]) == {0}


@pytest.mark.parametrize("name", ["log", "stop"])
def test_a_loop_may_call_the_callbacks_itself(tmp_path, name):
    """Also before the optimizer was used first."""
    traced = Traced(tmp_path)
    log, stop = ci.WeightLog(tmp_path / "run.db", every=1), ci.StopAtFault(None)
    called = keras.callbacks.CallbackList([log if name == "log" else stop], model=traced.model)
    batch = np.ones((2, 3), "float32"), np.ones((2, 2), "float32")
    assert not traced.model.optimizer.built
    called.on_train_begin()
    called.on_epoch_begin(0)
    for _ in range(3):
        traced.model.train_on_batch(*batch)
    assert name == "log" or len(stop._steps.window) == 3
    assert name == "log" or len(stop._flags[0].variables) == 4
    called.on_epoch_end(0)
    called.on_train_end()
    traced.model.train_on_batch(*batch)
    assert name == "log" or stop._steps is None
    if name == "log":
        frame = ci.WeightLog.read(tmp_path / "run.db", f"{traced.last.name}/kernel")
        assert frame["step"].tolist() == [0, 1, 2, 3]
        assert frame["gradient_norm"].notna().tolist() == [False, True, True, True]


def _interrupted(traced, name):
    callbacks = CALLBACKS[name](traced.folder)
    with contextlib.suppress(KeyboardInterrupt):
        traced.model.fit(
            np.ones((16, 3), "float32"), np.ones((16, 2), "float32"), batch_size=2, verbose=0,
            callbacks=[*callbacks, Interrupt()],
        )  # fmt: skip
    return [weakref.ref(one) for one in callbacks]


@pytest.mark.parametrize("name", ["log", "stop", "three"])
def test_no_callback_of_an_interrupted_fit_lives_on(tmp_path, name):
    """What it held is freed, what was logged is written, the model is as it was."""
    traced = Traced(tmp_path)
    alive = _interrupted(traced, name)
    # On JAX a thread of Keras may still be at the last batch.
    until = time.monotonic() + 30
    while any(one() is not None for one in alive) and time.monotonic() < until:
        gc.collect()
        time.sleep(0.01)
    assert [one() for one in alive] == [None] * len(alive)
    assert "apply" not in vars(traced.model.optimizer)
    assert "make_train_function" not in vars(traced.model)
    if name != "stop":
        with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as database:
            steps = database.execute("SELECT DISTINCT step FROM records ORDER BY step").fetchall()
        assert steps == [(0,), (2,)]
    traced.fit("nothing")
    assert int(traced.model.optimizer.iterations) == 3 + 8


ENDS = """
import sys
import keras
import numpy as np
import constrainit as ci


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 5:
            raise KeyboardInterrupt


dense = keras.layers.Dense(1, kernel_constraint="non_neg")
model = keras.Sequential([keras.Input((3,)), dense])
model.compile("sgd", "mse")
log = ci.WeightLog(sys.argv[1], every=1)
model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=1, verbose=0, callbacks=[log, Interrupt()])
"""


def test_a_program_that_ends_leaves_the_log_whole(tmp_path):
    """By an interruption that nobody catches, with the log still held and never closed."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS, str(tmp_path / "run.db")], capture_output=True, text=True
    )
    assert "KeyboardInterrupt" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["run.db"]
    assert ci.WeightLog.read(tmp_path / "run.db")["step"].tolist() == [*range(6)]
