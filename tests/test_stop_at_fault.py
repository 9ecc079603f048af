"""`StopAtFault`: a fault that is planted at a stage of a step is found, named, kept, replayed."""

import contextlib
import json
import sqlite3

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import array
from keras import ops

import constrainit as ci
from constrainit.callbacks._fault_flags import is_finite
from constrainit.callbacks._fault_steps import Steps
from constrainit.cli import cli
from constrainit.doctor import _fault_file
from constrainit.doctor._limits import ArchiveError

pytestmark = pytest.mark.everywhere

TORCH = keras.backend.backend() == "torch"
BATCH, BAD, COUNT = 4, 5, 12
"""Rows of a batch, the batch that is at fault, and how many there are."""


@keras.saving.register_keras_serializable("test_stop_at_fault")
class Root(keras.layers.Layer):
    """A root that has no value above a hundred, and no slope at zero."""

    def call(self, z):
        return ops.sqrt(100.0 - ops.abs(z)) + ops.sqrt(ops.abs(z))


@keras.saving.register_keras_serializable("test_stop_at_fault")
class Breaks(keras.constraints.Constraint):
    """Gives NaN for weights above three."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return w * ops.where(ops.max(ops.abs(w)) > 3.0, float("nan"), 1.0)


@keras.saving.register_keras_serializable("test_stop_at_fault")
def lost(y, predicted):
    """A loss that is infinite where a target is above fifty; its gradient is not."""
    return ops.mean(ops.square(y - predicted)) + ops.where(ops.max(y) > 50, float("inf"), 0.0)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * COUNT, 3)).astype("float32")
    return x, np.ones((BATCH * COUNT, 2), "float32")


def model(constraint=None, root=False, rate=0.01, loss="mse", dtype=None, **compiled):
    layers = [keras.layers.Dense(4, use_bias=False, name="first", dtype=dtype)]
    layers += [Root(name="root")] if root else []
    last = keras.layers.Dense(2, kernel_constraint=constraint, name="last", dtype=dtype)
    made = keras.Sequential([keras.Input((3,)), *layers, last], name="m")
    made.compile(keras.optimizers.SGD(rate, momentum=0.5), loss, **compiled)
    return made


# By stage: the model, what becomes of the batch at fault, and the weights and layer that are named.
KERNELS = ("m/first/kernel", "m/last/kernel", "m/last/bias")
PLANTED = {
    "batch": (
        lambda: model(ci.NonNegative()), lambda x, y: (x * np.float32("nan"), y), KERNELS, "",
    ),
    "activation": (
        lambda: model(ci.NonNegative(), True, steps_per_execution=1 if TORCH else 4),
        lambda x, y: (1e4 * x, y), KERNELS, "root",
    ),
    "loss": (lambda: model(loss=lost), lambda x, y: (x, 60 * y), None, ""),
    "gradient": (
        lambda: model(root=True, rate=1e-4, jit_compile=not TORCH),
        lambda x, y: (0 * x, y), ("m/first/kernel",), "",
    ),
    "update": (
        lambda: model(rate=1e30), lambda x, y: (x * 1e4, y * 1e9), KERNELS, "",
    ),
    "constraint": (
        lambda: model(Breaks()), lambda x, y: (x, 2e3 * y), ("m/last/kernel",), "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("stage", PLANTED)
def test_a_fault_is_named_and_its_step_kept(tmp_path, stage):
    """Step, stage, weights, layer; the model is as before; another fails at the kept step."""
    make, plant, weights, layer = PLANTED[stage]
    x, y = data()
    bad = 0 if stage == "update" else BAD
    rows = slice(bad * BATCH, (bad + 1) * BATCH)
    x[rows], y[rows] = plant(x[rows], y[rows])
    sick, path = make(), tmp_path / "fault.npz"
    ci.project(sick)
    start = sick.get_weights()
    stop = ci.StopAtFault(path, every=4)
    with pytest.warns(UserWarning, match=f"At step {bad + 1} .*Training stops.*--replay"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, epochs=3, verbose=0, callbacks=[stop])
    (fault,) = stop.faults
    assert (fault.step, fault.stage, fault.layer) == (bad + 1, stage, layer)
    assert fault.weights == (weights or ())
    assert fault.path == str(path)
    assert int(sick.optimizer.iterations) == bad

    alone = make()
    alone.set_weights(start)
    for place in range(bad):
        part = slice(place * BATCH, (place + 1) * BATCH)
        alone.train_on_batch(x[part], y[part])
    for one, other in zip(sick.variables, alone.variables, strict=True):
        np.testing.assert_allclose(array(one), array(other), rtol=1e-5, atol=1e-6)

    kept, fresh = _fault_file.read(path), make()
    assert kept.about["stage"] == stage
    np.testing.assert_array_equal(kept.data[0], x[rows])
    assert _fault_file.restore(fresh, kept, kept.data[0], True)[0] == []
    for one, other in zip(
        [*fresh.variables, *fresh.optimizer.variables],
        [*sick.variables, *sick.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(array(one), array(other))
    loss = fresh.train_on_batch(*kept.data[:2])
    assert fault.loss == pytest.approx(float(loss), rel=1e-4, nan_ok=True)
    after = [np.isfinite(array(v)).all() for v in fresh.trainable_variables]
    assert not (np.isfinite(loss) and all(after))


class Clips(keras.constraints.Constraint):
    """Hides an infinity, and nothing says that it does."""

    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


@pytest.mark.parametrize(
    "constraint", [ci.NonNegative(), Clips(), None], ids=["non-negative", "own", "none"]
)
def test_what_a_constraint_hides_is_found(constraint):
    """An infinite update, clipped at once, of a batch in the midst of others that are sound."""
    sick = model(constraint)
    x, y = data()
    x[:], y[:] = 0.0, 0.0
    sick.set_weights([np.ones((3, 4)), np.full((4, 2), 0.1), np.zeros(2)])
    sick.layers[0].trainable = sick.layers[1].bias.trainable = False
    # Without momentum, which would stay infinite.
    sick.compile(keras.optimizers.SGD(1e30), lambda y, predicted: ops.mean(y * predicted))
    x[BAD * BATCH], y[BAD * BATCH] = 1e5, 1e5
    stop = ci.StopAtFault(None)
    with pytest.warns(UserWarning, match="the update of the optimizer made m/last/kernel not"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[stop])
    (fault,) = stop.faults
    assert (fault.step, fault.stage) == (BAD + 1, "update")
    assert fault.weights == ("m/last/kernel",)
    assert array(sick.layers[-1].kernel) == pytest.approx(0.1)


def test_what_was_lost_before_it_began_is_said_where_it_does_harm():
    """A weight that is not finite from the start: a fault at the first step that it enters."""
    for harmful in (False, True):
        sick = model(root=True)
        lost = keras.layers.Embedding(9, 2)
        inputs = keras.Input((3,))
        place = keras.layers.Lambda(lambda z: ops.cast(z[:, :1] * 0, "int32"))(inputs)
        sick = keras.Model(inputs, ops.sum(lost(place), axis=1) + keras.layers.Dense(2)(inputs))
        sick.compile("sgd", "mse")
        table = np.ones((9, 2), "float32")
        table[0 if harmful else 5] = np.nan
        lost.embeddings.assign(table)
        stop = ci.StopAtFault(None)
        expected = pytest.warns(UserWarning, match="was not finite before it")
        with expected if harmful else contextlib.nullcontext():
            sick.fit(*data(), batch_size=BATCH, verbose=0, callbacks=[stop])
        assert [fault.stage for fault in stop.faults] == ["start"] * harmful
        if harmful:
            assert stop.faults[0].step == 1
            assert stop.faults[0].weights == (lost.embeddings.path,)


def test_what_an_optimizer_keeps_is_looked_at_too():
    """A square that overflows takes the steps of a weight away, all of whose numbers are finite."""
    dense = keras.layers.Dense(2, use_bias=False, name="last")
    sick = keras.Sequential([keras.Input((3,)), dense], name="m")
    sick.compile(keras.optimizers.Adam(0.01), lambda y, predicted: ops.mean(y * predicted))
    x, y = data()
    x[BAD * BATCH : (BAD + 1) * BATCH] = 1e21
    stop = ci.StopAtFault(None)
    with pytest.warns(UserWarning, match="At step 6 adam.*velocity became not finite"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[stop])
    (fault,) = stop.faults
    assert (fault.step, fault.stage, fault.layer) == (BAD + 1, "state", "")
    assert len(fault.weights) == 1
    assert all(np.isfinite(array(v)).all() for v in sick.optimizer.variables)


def test_what_is_no_weight_is_as_before_the_step_too():
    """A look for the layer at fault moves no statistics of a batch and draws no number."""
    layers = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1)
    sick = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(2)])
    sick.compile(keras.optimizers.SGD(1e-4), "mse")
    x, y = data()
    # What Keras builds in the first fit draws numbers, too.
    sick.fit(x, y, batch_size=BATCH, verbose=0)
    start, found = [array(v) for v in sick.variables], []
    for count in (BAD, COUNT):
        for variable, value in zip(sick.variables, start, strict=True):
            variable.assign(value)
        # Inputs so large that their variance has no value.
        x[BAD * BATCH : (BAD + 1) * BATCH] = [[3e38, 0.0, -3e38]] * BATCH
        stop, rows = ci.StopAtFault(None, every=2), slice(0, count * BATCH)
        expected = pytest.warns(UserWarning, match="the output of .* is not finite")
        with expected if count == COUNT else contextlib.nullcontext():
            sick.fit(x[rows], y[rows], batch_size=BATCH, shuffle=False, verbose=0, callbacks=[stop])
        found.append([array(v) for v in sick.variables])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_what_does_not_fail_again_goes_back_to_the_last_look():
    """A callback breaks a weight between two steps, which no step that is repeated does."""

    class Break(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 4:
                if hasattr(self.model, "jax_state_sync"):
                    self.model.jax_state_sync()
                kernel = self.model.layers[0].kernel
                kernel.assign(float("nan") * kernel)

    x, y = data()
    broken, alone = model(), model()
    alone.set_weights(broken.get_weights())
    stop = ci.StopAtFault(None, every=3)
    with pytest.warns(UserWarning, match="At step 4 the loss is not finite"):
        broken.fit(
            x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Break(), stop]
        )  # fmt: skip
    alone.fit(x[: 3 * BATCH], y[: 3 * BATCH], batch_size=BATCH, shuffle=False, verbose=0)
    for one, other in zip(broken.variables, alone.variables, strict=True):
        np.testing.assert_allclose(array(one), array(other), rtol=1e-5)


def test_the_doctor_replays_the_step(tmp_path, monkeypatch):
    """The command finds at the kept step what a look at the saved model does not show."""
    monkeypatch.chdir(tmp_path)
    x, y = data()
    x[8:12] *= 1e4
    sick = model(ci.NonNegative(), True)
    ci.prepare(sick)
    with pytest.warns(UserWarning, match="the output of 'root' is not finite"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[ci.StopAtFault()])
    sick.save("m.keras")
    found = CliRunner().invoke(cli, ["doctor", "m.keras", "--replay", "fault.npz"])
    assert found.exit_code == 1, found.output
    assert "replayed from fault.npz: At step 3 the output of 'root'" in found.output
    assert "CW401" in found.output
    assert "CW601" not in found.output
    for wrong, message in (
        (["--replay", "no.npz"], "There is no file 'no.npz'"),
        (["--replay", "fault.npz", "--input-shape", "3"], "--replay brings its own batch"),
    ):
        found = CliRunner().invoke(cli, ["doctor", "m.keras", *wrong])
        assert found.exit_code == 2
        assert message in found.stderr


def test_diagnose_replays_the_step(tmp_path):
    """As the command does; the model and its optimizer come back as they were."""
    file = tmp_path / "fault.npz"
    x, y = data()
    x[8:12] *= 1e4
    sick, other, alike = (model(ci.NonNegative(), True) for _ in range(3))
    for one in (other, alike):
        one.set_weights(sick.get_weights())
    ci.prepare(sick)
    with pytest.warns(UserWarning, match="the output of 'root' is not finite"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[ci.StopAtFault(file)])
    assert "CW401" not in {f.code for f in ci.diagnose(other, x[:4], y[:4], steps=2).findings}
    report = ci.diagnose(other, replay=file)
    said = f"replayed from {file}: At step 3 the output of 'root'"
    assert report.environment["assumed"][0].startswith(said)
    assert report.findings[0].code == "CW401"
    for one, as_before in zip(other.variables, alike.variables, strict=True):
        np.testing.assert_array_equal(array(one), array(as_before))
    assert not other.optimizer.built
    losses = [
        one.fit(x[:8], y[:8], batch_size=BATCH, shuffle=False, verbose=0).history["loss"]
        for one in (other, alike)
    ]
    assert losses[0] == losses[1]
    report = ci.diagnose(other, replay=file, optimizer="sgd")
    assert any("left out, as another optimizer" in one for one in report.environment["assumed"])


def test_a_model_that_is_not_built_is_replayed(tmp_path):
    """It takes the weights of the file, and has none again afterwards."""
    file = tmp_path / "fault.npz"

    def made():
        fresh = keras.Sequential([keras.layers.Dense(1, kernel_constraint=ci.Box(-1, 1))])
        fresh.compile("adam", "mse")
        return fresh

    x, y = np.ones((8, 2), "float32"), np.zeros((8, 1), "float32")
    x[4:] = np.nan
    sick = made()
    sick.build((None, 2))
    ci.prepare(sick)
    with pytest.warns(UserWarning, match="batch is not finite"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[ci.StopAtFault(file)])
    other = made()
    assert ci.diagnose(other, replay=str(file)).findings[0].code == "CW604"
    assert not other.built
    assert not other.variables
    other.fit(x[:4], y[:4], verbose=0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replay": "no.npz"}, "`replay` of `diagnose`: There is no file 'no.npz'"),
        ({"replay": 3}, "`replay` of `diagnose` must be the path of a file of StopAtFault"),
        ({"replay": "no.npz", "x": np.ones((4, 3))}, "brings its own batch: leave out `x` and `y`"),
    ],
)
def test_what_can_not_be_replayed(given, message):
    with pytest.raises(ValueError, match=message):
        ci.diagnose(model(ci.NonNegative()), **given)


@pytest.mark.parametrize(
    "make_rate", [float, lambda r: keras.optimizers.schedules.CosineDecay(r, 999)]
)
def test_a_replayed_step_names_the_rate_that_has_led_to_it(tmp_path, monkeypatch, make_rate):
    """No rate mends what has grown to overflow: it is told by training from the start."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    hidden = keras.layers.Dense(8, kernel_constraint=ci.NonNegative())
    sick = keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(1)])
    sick.compile(keras.optimizers.SGD(make_rate(2.0)), "mse")
    sick.save("m.keras")
    fit = {"batch_size": 16, "epochs": 30, "verbose": 0}
    with pytest.warns(UserWarning, match="not finite"):
        sick.fit(x, x.sum(1, keepdims=True), callbacks=[ci.StopAtFault()], **fit)
    found = CliRunner().invoke(
        cli, ["doctor", "m.keras", "--replay", "fault.npz", "--format", "json"]
    )
    first, *others = json.loads(found.stdout)["findings"]
    assert first["code"] == "CW601", found.output
    assert first["treatment"]["healed"]
    assert first["evidence"]["lower_rate"] <= 0.2
    assert all(other["cause"] == "CW601" for other in others if other["level"] == "error")


def test_training_goes_on_without_a_batch(tmp_path):
    """A batch at fault is left out, the rest is trained on at the rate; one too many ends it."""
    x, y = data()
    for place in (2, 9):
        x[place * BATCH] = np.nan
    sick = model(ci.NonNegative())
    stop = ci.StopAtFault(tmp_path / "fault.npz", every=5, roll_backs=1, factor=0.25)
    with pytest.warns(UserWarning, match="Training") as told:
        sick.fit(x, y, batch_size=BATCH, shuffle=False, epochs=3, verbose=0, callbacks=[stop])
    said = [str(one.message) for one in told if "At step" in str(one.message)]
    assert ["goes on without the batch" in text for text in said] == [True, False]
    assert [fault.step for fault in stop.faults] == [3, 9]
    assert float(sick.optimizer.learning_rate) == pytest.approx(0.01)
    assert all(np.isfinite(array(v)).all() for v in sick.variables)
    healed = ci.StopAtFault(None, every=50, roll_backs=2)
    with pytest.warns(UserWarning, match="goes on"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[healed])
    assert int(sick.optimizer.iterations) == 8 + COUNT - 2
    assert [fault.path for fault in healed.faults] == [None, None]


@pytest.mark.parametrize("every", [1, 5, 100])
def test_the_logs_of_an_epoch_are_of_what_stands(every):
    """Loss, metrics and validation, for callbacks behind it; a step that is lost is in none."""
    x, y = data()
    x[[2 * BATCH, (COUNT - 1) * BATCH]] = np.nan
    sick, alone = (model(ci.NonNegative(), metrics=["mae"]) for _ in range(2))
    ci.project(sick)
    alone.set_weights(sick.get_weights())
    stop, seen = ci.StopAtFault(None, every=every, roll_backs=4), []
    best = keras.callbacks.EarlyStopping("loss", patience=1)
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    sound = np.nan_to_num(x)
    with pytest.warns(UserWarning, match="Training goes on without the batch\\."):
        history = sick.fit(
            x, y, batch_size=BATCH, shuffle=False, epochs=2, verbose=0,
            validation_data=(sound, y), callbacks=[stop, best, keep],
        )  # fmt: skip
    good = np.isfinite(x).reshape(COUNT, -1).all(axis=1).repeat(BATCH)
    expected = alone.fit(
        x[good], y[good], batch_size=BATCH, shuffle=False, epochs=2, verbose=0,
        validation_data=(sound, y),
    )  # fmt: skip
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5, err_msg=name)
        assert [logs[name] for logs in seen] == history.history[name]


@pytest.mark.parametrize("every", [1, 100])
def test_an_epoch_of_which_no_step_stands_has_no_loss(every):
    """And not zero, which is the best that a callback may see."""
    (x, y), sick = data(), model()
    history = [0.0]
    with pytest.warns(UserWarning, match="Training stops"):
        history = sick.fit(
            x * np.nan, y, batch_size=BATCH, verbose=0, callbacks=[ci.StopAtFault(None, every)]
        ).history["loss"]
    assert np.isnan(history).all()


def test_the_logs_of_a_step_of_its_own_are_those_of_the_last_that_stands():
    """Where it gives something else than the metrics of the model."""

    class Own(keras.Model):
        def train_step(self, *arguments):
            found = super().train_step(*arguments)
            logs, *state = found if isinstance(found, tuple) else (found,)
            logs = {"own": 2.0 * logs["loss"]}
            return (logs, *state) if state else logs

    x, y = data()
    x[-1] = np.nan
    inputs = keras.Input((3,))
    sick = Own(inputs, keras.layers.Dense(2)(inputs))
    sick.compile(keras.optimizers.SGD(0.01), "mse")
    with pytest.warns(UserWarning, match="goes on"):
        found = sick.fit(
            x, y, batch_size=BATCH, shuffle=False, verbose=0,
            callbacks=[ci.StopAtFault(None, roll_backs=1)],
        )  # fmt: skip
    assert list(found.history) == ["own"]
    assert np.isfinite(found.history["own"]).all()


def _bad_at(*places):
    """Batches, of which some have a loss that `lost` makes infinite."""
    x, y = data()
    for place in places:
        y[place * BATCH] = 60.0
    return x, y


def _slots(optimizer):
    return [array(v) for v in optimizer.variables]


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "loss scale"])
@pytest.mark.parametrize("jit", [False, True], ids=["", "jit"])
def test_a_schedule_is_slowed_as_a_whole(tmp_path, scaled, jit):
    """What training is as by hand with a slowed schedule, slots and all, in a compiled step.

    What is saved meanwhile has the slowed schedule, and the optimizer has its own again at the end.
    """
    if jit and TORCH:
        pytest.skip("torch.compile takes a minute")
    own = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5)

    def make(schedule):
        keras.utils.set_random_seed(3)
        made = model(ci.NonNegative())
        optimizer = keras.optimizers.Adam(schedule)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=8.0)
        made.compile(optimizer, lost, jit_compile=jit)
        ci.project(made)
        return made, getattr(optimizer, "inner_optimizer", optimizer)

    (sick, adam), (x, y) = make(own), _bad_at(2, 11)
    saved = tmp_path / "m.keras"
    stop = ci.StopAtFault(None, every=4, roll_backs=2, factor=0.25)
    with pytest.warns(UserWarning, match="goes on without the batch"):
        sick.fit(
            x, y, batch_size=BATCH, shuffle=False, verbose=0,
            callbacks=[stop, keras.callbacks.ModelCheckpoint(saved)],
        )  # fmt: skip
    assert [fault.step for fault in stop.faults] == [3, 11]
    assert adam._learning_rate is own
    loaded = keras.models.load_model(saved, compile=True).optimizer
    loaded = getattr(loaded, "inner_optimizer", loaded)
    assert array(loaded.learning_rate) == pytest.approx(array(own(10)) / 16)

    alone, optimizer = make(own)
    share = 1.0
    for place in range(COUNT):
        if place in (2, 11):
            share *= 0.25
            continue
        rows = slice(place * BATCH, (place + 1) * BATCH)
        slowed = keras.optimizers.schedules.ExponentialDecay(0.02 * share, 3, 0.5)
        optimizer.learning_rate = slowed
        # A step that is compiled does not see another schedule.
        alone.run_eagerly = True
        alone.train_function = None
        alone.train_on_batch(x[rows], y[rows])
    for one, other in zip(_slots(sick.optimizer), _slots(alone.optimizer), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)
    for one, other in zip(sick.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)

    # The next fit begins with the schedule as it is, in a step that was compiled before.
    before = sick.get_weights()
    rate = array(own(int(adam.iterations)))
    with pytest.warns(UserWarning, match="goes on without the batch"):
        sick.fit(x[: 3 * BATCH], y[: 3 * BATCH], batch_size=BATCH, verbose=0, callbacks=[stop])
    assert adam._learning_rate is own
    moved = max(np.abs(a - b).max() for a, b in zip(sick.get_weights(), before, strict=True))
    assert 0.2 * rate < moved <= 2.1 * rate


@pytest.mark.parametrize("first", [False, True], ids=["behind it", "before it"])
def test_a_rate_that_a_callback_sets_stays_lowered(first):
    """`LearningRateScheduler` by the number of the epoch, or by what there was; on both sides."""
    for schedule, expected in (
        (lambda epoch, rate: 0.08 * 0.75**epoch, [0.04, 0.03, 0.0225]),
        (lambda epoch, rate: 0.5 * rate, [0.01, 0.005, 0.0025]),
        (lambda epoch, rate: 0.08, [0.04, 0.04, 0.04]),
    ):
        (x, y), sick = _bad_at(3), model(ci.NonNegative(), rate=0.04, loss=lost)
        stop, found = ci.StopAtFault(None, every=2, roll_backs=3), []
        keep = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, found=found, sick=sick: found.append(
                float(sick.optimizer.learning_rate)
            )
        )
        scheduler = keras.callbacks.LearningRateScheduler(schedule)
        callbacks = [scheduler, stop] if first else [stop, scheduler]
        with pytest.warns(UserWarning, match="goes on without the batch"):
            sick.fit(
                _once_bad(x, y), epochs=3, steps_per_epoch=COUNT, verbose=0, shuffle=False,
                callbacks=[*callbacks, keep],
            )  # fmt: skip
        assert found == pytest.approx(expected)
        assert len(stop.faults) == 1


def _once_bad(x, y):
    """Batches without end, of which those of the second round on are sound."""
    for place in range(10**6):
        rows = slice(place % COUNT * BATCH, (place % COUNT + 1) * BATCH)
        yield x[rows], y[rows] if place < COUNT else np.minimum(y[rows], 1.0)


def test_a_plateau_lowers_what_was_lowered():
    """`ReduceLROnPlateau` goes on from the rate that a roll-back has left."""
    (x, y), sick = _bad_at(3), model(rate=1e-6, loss=lost)
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", patience=1, min_delta=1e6, factor=0.1
    )
    with pytest.warns(UserWarning, match="goes on without the batch"):
        sick.fit(
            _once_bad(x, y), epochs=2, steps_per_epoch=COUNT, verbose=0, shuffle=False,
            callbacks=[ci.StopAtFault(None, roll_backs=1), plateau],
        )  # fmt: skip
    assert float(sick.optimizer.learning_rate) == pytest.approx(5e-8)


@pytest.mark.parametrize("every", [5, 100])
def test_no_more_is_kept_than_it_must(monkeypatch, every):
    """It looks after so many batches, earlier where they are large, and begins anew there."""
    if every == 100:
        monkeypatch.setattr("constrainit.callbacks._fault._MOST", 5 * BATCH * (3 + 2) * 4)
    looked, look = [], Steps.look
    monkeypatch.setattr(
        Steps, "look", lambda steps, judge: (looked.append(len(steps.window)), look(steps, judge))
    )
    model().fit(*data(), batch_size=BATCH, verbose=0, callbacks=[ci.StopAtFault(None, every)])
    assert looked == [5, 5, 2]


@pytest.mark.parametrize(
    "shape", [(), (7,), (64, 33), (3, 3, 2, 5), (64, 64), (512, 8), (8, 5000), (5000,), (4500, 1)]
)
def test_nothing_that_is_not_finite_is_passed_over(shape):
    """Wherever it stands, whatever it is, in a compiled function as well."""
    ways, sound = [is_finite], np.random.default_rng(0).normal(size=shape).astype("float32")
    if keras.backend.backend() == "jax":
        import jax

        ways.append(jax.jit(is_finite))
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        ways.append(tf.function(is_finite, jit_compile=True))
    for way in ways:
        assert bool(way(ops.convert_to_tensor(sound)))
        for bad in (np.nan, np.inf, -np.inf):
            for place in {0, sound.size // 2, sound.size - 1}:
                lost = sound.copy()
                lost.flat[place] = bad
                assert not bool(way(ops.convert_to_tensor(lost))), (bad, place)


@pytest.mark.parametrize("bad", [0, BAD])
@pytest.mark.parametrize("stage", ["batch", "activation"])
def test_a_loss_that_refuses_a_nan_is_a_fault(tmp_path, bad, stage):
    """PyTorch's binary cross-entropy raises for a NaN: the same fault as elsewhere, and a file."""
    layers = [Root(name="root")] if stage == "activation" else []
    last = keras.layers.Dense(1, activation="sigmoid", name="last")
    sick = keras.Sequential([keras.Input((3,)), *layers, last], name="m")
    sick.compile(keras.optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    x = data()[0]
    y = (x[:, :1] > 0).astype("float32")
    x[bad * BATCH + 1] = np.nan if stage == "batch" else 1e4
    stop = ci.StopAtFault(tmp_path / "fault.npz", every=4)
    with pytest.warns(UserWarning, match=f"At step {bad + 1} .*; loss nan.*Training stops"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, epochs=2, verbose=0, callbacks=[stop])
    (fault,) = stop.faults
    assert (fault.step, fault.stage) == (bad + 1, stage)
    assert fault.layer == "root" * (stage == "activation")
    np.testing.assert_array_equal(
        _fault_file.read(tmp_path / "fault.npz").data[0], x[bad * BATCH : (bad + 1) * BATCH]
    )
    assert int(sick.optimizer.iterations) == bad
    assert all(np.isfinite(w).all() for w in sick.get_weights())


def test_training_goes_on_behind_losses_that_refuse_a_nan():
    """Two bad batches in one window, each left out; the rate is not theirs."""
    last = keras.layers.Dense(1, activation="sigmoid", name="last")
    sick = keras.Sequential([keras.Input((3,)), last], name="m")
    sick.compile(keras.optimizers.SGD(0.01), "binary_crossentropy")
    x = data()[0]
    y = (x[:, :1] > 0).astype("float32")
    x[[2 * BATCH, 5 * BATCH]] = np.nan
    stop = ci.StopAtFault(None, roll_backs=3)
    with pytest.warns(UserWarning, match="goes on without the batch"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[stop])
    assert [fault.stage for fault in stop.faults] == ["batch"] * 2
    assert int(sick.optimizer.iterations) == COUNT - 2
    assert float(sick.optimizer.learning_rate) == pytest.approx(0.01)


@pytest.mark.skipif(not TORCH, reason="the others trace a step once, and it raises then")
def test_an_error_that_no_number_explains_ends_training():
    """As without the callback, and no fault is told."""
    calls = []

    def loss(y, predicted):
        calls.append(1)
        if len(calls) > BAD:
            raise RuntimeError("of its own")
        return ops.mean(ops.square(y - predicted))

    stop = ci.StopAtFault(None)
    with pytest.raises(RuntimeError, match="of its own"):
        model(loss=loss).fit(*data(), batch_size=BATCH, verbose=0, callbacks=[stop])
    assert stop.faults == []


class Direction(keras.constraints.Constraint):
    """Has no value for a row of zeros."""

    def __call__(self, w):
        return w / ops.sqrt(ops.sum(ops.square(w), axis=1, keepdims=True))


@pytest.mark.parametrize("rows", [100, 512])
def test_a_row_that_is_never_drawn_is_a_fault_when_it_is_lost(rows):
    """A large weight, one row of which its constraint makes NaN, which the loss does not see."""
    table = keras.layers.Embedding(rows, 8, embeddings_constraint=Direction())
    sick = keras.Sequential([keras.Input((), dtype="int32"), table, keras.layers.Dense(1)])
    sick.compile("sgd", "mse")
    value = array(table.embeddings)
    value[7] = 0.0
    table.embeddings.assign(value)
    x, stop = np.arange(10, 74).astype("int32"), ci.StopAtFault(None)
    with pytest.warns(UserWarning, match="At step 1 the constraint made .* not finite"):
        sick.fit(x, np.ones((64, 1)), verbose=0, callbacks=[stop])
    (fault,) = stop.faults
    assert (fault.stage, fault.weights) == ("constraint", (table.embeddings.path,))
    np.testing.assert_array_equal(array(table.embeddings), value)


def test_a_row_that_was_lost_and_is_never_drawn_is_not_blamed():
    """A batch that is not finite is the fault, though a weight was lost before it."""
    inputs = keras.Input((3,))
    table = keras.layers.Embedding(9, 2)
    place = keras.layers.Lambda(lambda z: ops.zeros_like(z[:, :1], "int32"))(inputs)
    sick = keras.Model(inputs, ops.sum(table(place), axis=1) + keras.layers.Dense(2)(inputs))
    sick.compile("sgd", "mse")
    value = np.ones((9, 2), "float32")
    value[5] = np.nan
    table.embeddings.assign(value)
    (x, y), stop = data(), ci.StopAtFault(None)
    x[BAD * BATCH] = np.nan
    with pytest.warns(UserWarning, match=f"At step {BAD + 1} its batch is not finite"):
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[stop])


@pytest.mark.parametrize("width", [8, 64, 72])
def test_a_large_batch_is_looked_at(width):
    """One NaN in a batch of 64 rows is a fault of the batch however wide it is."""
    x, y = np.ones((192, width), "float32"), np.zeros((192, 1), "float32")
    x[130, 0] = np.nan
    sick = keras.Sequential([keras.Input((width,)), keras.layers.Dense(1)])
    sick.compile(keras.optimizers.SGD(1e-4), "mse")
    stop = ci.StopAtFault(None)
    with pytest.warns(UserWarning, match="At step 3 its batch is not finite"):
        sick.fit(x, y, batch_size=64, shuffle=False, verbose=0, callbacks=[stop])
    assert [fault.stage for fault in stop.faults] == ["batch"]


@pytest.mark.parametrize("every", [4, 100])
def test_a_log_holds_the_steps_that_were_not_undone(tmp_path, monkeypatch, every):
    """What is undone is taken out, be it written or not; what is repeated is there once.

    And none is lost of more steps than the device keeps.
    """
    monkeypatch.setattr("constrainit.callbacks._log_reach._ROWS", 4)
    x, y = data()
    bad = (BAD, BAD + 2)
    for place in bad:
        x[place * BATCH] = np.nan
    sick = model(ci.NonNegative())
    ci.project(sick)
    start = sick.get_weights()
    stop = ci.StopAtFault(None, every=every, roll_backs=2, factor=0.25)
    logs = [ci.WeightLog(tmp_path / f"{each}.db", every=each, tensors=99) for each in (5, 3, 1)]
    with pytest.warns(UserWarning, match="At step [67] its batch .* goes on"):
        sick.fit(
            x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[*logs[:2], stop, logs[2]]
        )
    alone = model(ci.NonNegative())
    alone.set_weights(start)
    norms = [np.linalg.norm(start[1])]
    for place in range(COUNT):
        if place in bad:
            continue
        rows = slice(place * BATCH, (place + 1) * BATCH)
        alone.train_on_batch(x[rows], y[rows])
        norms.append(np.linalg.norm(alone.get_weights()[1]))
    for steps, log in zip(([0, 5, 10], [0, 3, 6, 9, 10], [*range(11)]), logs, strict=True):
        frame = ci.WeightLog.read(log.path)
        assert frame["step"].tolist() == steps
        np.testing.assert_allclose(frame["after_norm"], np.array(norms)[steps], rtol=1e-5)
        with contextlib.closing(sqlite3.connect(log.path)) as database:
            kept = database.execute("SELECT DISTINCT step FROM arrays ORDER BY step").fetchall()
        assert [step for (step,) in kept] == steps


@pytest.mark.parametrize("every", [1, 100])
def test_a_log_of_a_first_step_that_is_taken_back_blames_no_optimizer(tmp_path, every):
    """The fault alone is told: the optimizer did make a step."""
    x, y = data()
    x[0] = np.nan
    log, stop = ci.WeightLog(tmp_path / "run.db", every), ci.StopAtFault(None)
    sick = model(ci.NonNegative())
    with pytest.warns(UserWarning, match="batch") as told:
        sick.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[log, stop])
    ours = [str(one.message) for one in told if one.category is UserWarning]
    assert [text.partition(";")[0] for text in ours] == ["At step 1 its batch is not finite"]
    assert set(ci.WeightLog.read(log.path)["step"]) == {0}


@pytest.mark.parametrize("a_set", [ci.NonNegative(), ci.Orthogonal()])
def test_sound_training_is_as_without_it(a_set, tmp_path):
    """With a log and held weights, in float16 with skipped steps: no fault and the same weights.

    A log has no number of entries at the bound for a set that has no bounds.
    """
    found = []
    for callbacks in (
        [],
        [
            ci.KeepFeasible(),
            ci.WeightLog(tmp_path / "run.db", every=3),
            ci.WeightLog(tmp_path / "other.db", every=4),
            ci.StopAtFault(tmp_path / "fault.npz", every=5),
        ],
    ):
        keras.utils.set_random_seed(1)
        sound = model(a_set, dtype="mixed_float16")
        ci.project(sound)
        sgd = keras.optimizers.SGD(0.01)
        scaled = keras.optimizers.LossScaleOptimizer(sgd, initial_scale=2.0**20)
        sound.compile(scaled, "mse")
        sound.fit(
            *data(), batch_size=BATCH, shuffle=False, epochs=2, verbose=0, callbacks=callbacks
        )
        found.append([array(v) for v in (*sound.variables, *scaled.variables)])
    assert float(scaled.dynamic_scale) < 2.0**20
    assert callbacks[-1].faults == []
    assert {"apply", "save_own_variables", "load_own_variables"}.isdisjoint(vars(scaled))
    assert not (tmp_path / "fault.npz").exists()
    steps = int(sgd.iterations)
    for name, every in (("run", 3), ("other", 4)):
        logged = {*range(0, steps + 1, every), steps}
        assert set(ci.WeightLog.read(tmp_path / f"{name}.db")["step"]) == logged
    assert 3 < steps < 2 * COUNT
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "rate", "message"),
    [
        ({"path": 3}, 0.1, "`path` of `StopAtFault` must be the path of a file, or None"),
        ({"path": "."}, 0.1, "`path` of `StopAtFault` must be the path of a file"),
        ({"path": "no/such/fault.npz"}, 0.1, "There is no folder 'no/such' for `path` of"),
        ({"every": 0}, 0.1, "`every` of `StopAtFault` must be an integer of at least 1"),
        ({"roll_backs": -1}, 0.1, "`roll_backs` of `StopAtFault` must be an integer of at least 0"),
        ({"factor": 0}, 0.1, "`factor` of `StopAtFault` must be greater than 0 and at most 1"),
        ({"factor": 2}, 0.1, "`factor` of `StopAtFault` must be greater than 0 and at most 1"),
        (
            {"roll_backs": 1},
            lambda: 0.1,
            "lowers the learning rate, .*LearningRateSchedule`. Write a subclass of that in place",
        ),
    ],
)
def test_wrong_arguments(arguments, rate, message):
    """One clear message for each."""
    with pytest.raises(ValueError, match=message):
        model(rate=rate).fit(*data(), verbose=0, callbacks=[ci.StopAtFault(**arguments)])


def test_a_file_of_something_else_is_not_replaced(tmp_path):
    """It is refused where it is named and where training begins; an earlier step is replaced."""
    path = tmp_path / "fault.npz"

    def refused():
        held = path.read_bytes()
        with pytest.raises(ValueError, match="is no file of `StopAtFault` and is left as it is"):
            ci.StopAtFault(path)
        path.unlink()
        stop = ci.StopAtFault(path)
        path.write_bytes(held)
        with pytest.raises(ValueError, match="is no file of `StopAtFault` and is left as it is"):
            model().fit(*data(), verbose=0, callbacks=[stop])
        assert path.read_bytes() == held

    for arrays in (
        {"x": np.ones(3)},
        {"fault": np.ones(3)},
        {"fault": np.frombuffer(b"[1]", "uint8")},
        {"fault": np.frombuffer(b'{"format": "another"}', "uint8")},
        {"fault": np.array([{}], dtype=object)},
    ):
        np.savez(path, **arrays)
        refused()
    path.write_text("notes")
    refused()
    path.write_bytes(b"")
    ci.StopAtFault(path)
    _fault_file.write(path, {"step": 1}, (np.ones((2, 3), "float32"), None), model())
    model().fit(*data(), verbose=0, callbacks=[ci.StopAtFault(path)])


def test_a_file_that_is_something_else_is_refused(tmp_path):
    """Damaged, hostile, of a newer version, of another model: one sentence each, nothing run."""
    sound, path = model(), tmp_path / "fault.npz"
    _fault_file.write(path, {"step": 1}, (np.ones((2, 3), "float32"), None), sound)
    whole = path.read_bytes()
    with np.load(path) as stored:
        arrays = dict(stored)
    told = json.loads(arrays["fault"].tobytes())

    def refused(message, **changed):
        text = np.frombuffer(json.dumps({**told, **changed}).encode(), "uint8")
        np.savez(path, **{**arrays, "fault": text})
        with pytest.raises(ArchiveError, match=message):
            _fault_file.read(path)

    refused("newer constrainit", version=99)
    refused("can not be read", format="another")
    refused("does not fit its arrays", model=[{"name": "no/such", "dtype": "float32"}])
    refused("does not fit its arrays", optimizer=[{"name": "data/0", "dtype": "no_such"}])
    refused("does not fit its arrays", data=[3])
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match="damaged"):
        _fault_file.read(path)
    np.savez(path, x=np.ones(3))
    with pytest.raises(ArchiveError, match="no file of StopAtFault"):
        _fault_file.read(path)
    np.savez(path, fault=np.array([{}], dtype=object))
    with pytest.raises(ArchiveError, match="Python objects"):
        _fault_file.read(path)
    path.write_bytes(whole)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    with pytest.raises(ArchiveError, match=r"another model: its weights .* \(3, 5\) here and"):
        _fault_file.restore(other, _fault_file.read(path), None, True)


@pytest.mark.parametrize("every", [None, 2])
def test_what_is_undone_is_told_once(tmp_path, every):
    """`KeepFeasible` does not warn of what `StopAtFault` takes back, at a validation neither."""
    x, y = data()
    x[BAD * BATCH : (BAD + 1) * BATCH] = np.nan
    sick, keep = model(ci.NonNegative()), ci.KeepFeasible(every=every)
    ci.project(sick)
    with pytest.warns(UserWarning, match="Training stops") as told:
        sick.fit(
            x, y, batch_size=BATCH, shuffle=False, epochs=3, verbose=0,
            validation_data=(np.ones_like(x), y),
            callbacks=[keep, ci.StopAtFault(tmp_path / "fault.npz")],
        )  # fmt: skip
    said = [str(one.message) for one in told if one.category is UserWarning]
    assert [text[:9] for text in said] == ["At step 6"]
    assert not keep.repairs


def test_what_is_not_undone_is_told_after_all():
    """Where another callback loses a weight behind `StopAtFault`, when training ends."""
    x, y = data()
    sound, keep = model(ci.NonNegative()), ci.KeepFeasible()
    ci.project(sound)

    def lose(epoch, logs):
        sound.layers[-1].kernel.assign(np.full((4, 2), np.nan, "f4"))

    callbacks = [keep, ci.StopAtFault(None), keras.callbacks.LambdaCallback(on_epoch_end=lose)]
    with pytest.warns(UserWarning, match="At train end: m/last/kernel is not finite"):
        sound.fit(x, y, verbose=0, callbacks=callbacks)


@pytest.mark.parametrize("every", [9, 100])
def test_a_second_fault_goes_back_to_before_the_look_before(tmp_path, every):
    """One step back does not undo a divergence: the weights are far off before it fails.

    Each fault has a file of its own, and the log holds the way to the weights that there are.
    """
    x, y = np.ones((BATCH * 20, 3), "float32"), np.ones((BATCH * 20, 1), "float32")
    sick = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="k")], name="m")
    sick.compile(keras.optimizers.SGD(50.0), "mse")
    log = ci.WeightLog(tmp_path / "run.db", every=1, weights="*")
    stop = ci.StopAtFault(tmp_path / "fault.npz", every=every, roll_backs=3, factor=0.03)
    with pytest.warns(UserWarning, match="goes on without the batch, with a lower"):
        found = sick.fit(
            x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[log, stop]
        ).history["loss"]
    assert len(stop.faults) == 2
    names = [tmp_path / name for name in ("fault.npz", "fault.2.npz")]
    assert [fault.path for fault in stop.faults] == [*map(str, names)]
    assert [_fault_file.read(name).about["step"] for name in names] == [
        fault.step for fault in stop.faults
    ]
    assert found[0] < 10
    assert all(np.abs(array(v)).max() < 10 for v in sick.variables)
    assert int(sick.optimizer.iterations) == 18
    frame = ci.WeightLog.read(log.path, "*/kernel")
    assert frame["step"].tolist() == list(range(19))
    assert frame["after_norm"].max() < 10


def test_a_file_of_something_else_is_kept_where_a_later_fault_would_be(tmp_path):
    """The fault is told, and training goes on."""
    x, y = data()
    x[[0, 5 * BATCH]] = np.nan
    (tmp_path / "fault.2.npz").write_text("notes")
    stop = ci.StopAtFault(tmp_path / "fault.npz", roll_backs=2)
    with pytest.warns(UserWarning, match="goes on without") as told:
        model().fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[stop])
    (said,) = [str(one.message) for one in told if "could not be kept" in str(one.message)]
    assert "fault.2.npz' is no file of `StopAtFault` and is left as it is" in said
    assert [fault.path is None for fault in stop.faults] == [False, True]
    assert (tmp_path / "fault.2.npz").read_text() == "notes"


@pytest.mark.parametrize("factor", [1, 1.0])
def test_a_rate_may_stay(factor):
    """With a `factor` of one, of a function too, which can not be lowered."""
    x, y = _bad_at(3)
    for rate in (0.01, lambda: 0.01):
        sick = model(loss=lost, rate=rate)
        with pytest.warns(UserWarning, match="Training goes on without the batch\\."):
            sick.fit(
                x, y, batch_size=BATCH, verbose=0, shuffle=False,
                callbacks=[ci.StopAtFault(None, roll_backs=1, factor=factor)],
            )  # fmt: skip
        assert float(sick.optimizer.learning_rate) == pytest.approx(0.01)
