"""Weights obey at every moment: the table of moments, and what holds them there."""

import re
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import array, same_bits, whole_messages
from keras import layers, ops

import constrainit as ci
from constrainit._effective import effective_records
from constrainit.testing import assert_feasible

pytestmark = pytest.mark.everywhere

ROOT = Path(__file__).parents[1]
MOMENTS_PAGE = ROOT / "docs" / "moments.md"
LOOPS = re.findall(
    r"^### (.+?) \((.+?)\)\n.*?```python\n(.*?)```",
    (ROOT / "docs" / "hold.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
sys.path.append(str(ROOT / "benchmarks"))
import moments  # noqa: E402

MODULES = {"keras": keras, "ops": ops, "np": np}


@pytest.mark.parametrize("title", moments.MOMENTS)
def test_moment(title):
    """At each moment of the page three kernels are inside, within the tolerance of the dtype."""
    assert moments.MOMENTS[title](moments.Trial(ours=True)) == dict.fromkeys(moments.SETS, 0.0)


def data(rng):
    return rng.normal(size=(12, 4)).astype("f4"), rng.normal(size=(12, 3)).astype("f4")


def one_layer(optimizer="sgd", a_set=None, inside=True):
    start = ci.constrained(kernel=a_set or ci.NonNegative()) if inside else {
        "kernel_constraint": a_set or ci.NonNegative()
    }  # fmt: skip
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d", **start)])
    model.compile(optimizer, "mse")
    return model


def test_repairs_are_listed_and_what_is_inside_stays(rng):
    """Each repair with its moment, weight and distance; a second look finds nothing to do."""
    x, y = data(rng)
    model, keep = one_layer(keras.optimizers.SGD(0.0), inside=False), ci.KeepFeasible()
    model.layers[0].kernel.assign(np.float32([[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 2, -3]]))
    model.fit(x, y, epochs=2, verbose=0, callbacks=[keep])
    (repair,) = keep.repairs
    assert repair.moment == "train begin"
    said = f"{model.layers[0].kernel.path} is outside of its set by 3 at train begin"
    assert str(repair) == said
    kernel = array(model.layers[0].kernel)
    assert kernel[3].tolist() == [1, 2, 0]
    model.evaluate(x, y, verbose=0, callbacks=[keep])
    assert len(keep.repairs) == 1
    assert same_bits(array(model.layers[0].kernel), kernel)


def test_other_modes_change_nothing(rng):
    """`warn` and `raise` name weight, moment and distance."""
    x, _ = data(rng)
    model = one_layer(inside=False)
    model.layers[0].kernel.assign(-np.ones((4, 3), "f4"))
    for mode in ("warn", "raise"):
        expected = pytest.warns(UserWarning, match="At predict begin: .*d/kernel is outside of its")
        if mode == "raise":
            expected = pytest.raises(RuntimeError, match=r"set by 1\. Write KeepFeasible\(\"repair")
        with expected:
            model.predict(x, verbose=0, callbacks=[ci.KeepFeasible(mode)])
        assert (array(model.layers[0].kernel) == -1).all()


def test_a_violation_is_warned_of_once(rng):
    """Of a frozen weight that stays as it is once in a `fit`, and again when it is another one."""
    x, y = data(rng)
    model = one_layer()
    model.add(layers.Dense(3))
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.layers[0].kernel.assign(-np.ones((4, 3), "f4"))
    keep = ci.KeepFeasible("warn")

    class Further(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].kernel.assign(-2 * np.ones((4, 3), "f4"))

    with pytest.warns(UserWarning, match="is outside of its set") as told:
        model.fit(x, y, epochs=4, verbose=0, callbacks=[Further(), keep])
    text = [str(one.message) for one in told if "outside" in str(one.message)]
    assert [line.partition(":")[0] for line in text] == ["At train begin", "At epoch end"]
    assert len(keep.repairs) == 10


def test_what_is_not_finite_is_told_and_not_hidden(rng):
    """No repair makes a number of a NaN: it is told, and stays."""
    x, _ = data(rng)
    model = one_layer()
    model.layers[0].kernel.assign(np.full((4, 3), np.nan, "f4"))
    with pytest.warns(UserWarning, match="kernel is not finite"):
        model.predict(x, verbose=0, callbacks=[ci.KeepFeasible()])
    assert np.isnan(array(model.layers[0].kernel)).all()
    kernel = -np.ones((4, 3), "f4")
    kernel[0, 0] = -np.inf
    model.layers[0].kernel.assign(kernel)
    keep = ci.KeepFeasible()
    with pytest.warns(UserWarning, match="kernel is not finite"):
        model.predict(x, verbose=0, callbacks=[keep])
    np.testing.assert_array_equal(array(model.layers[0].kernel), kernel)
    assert keep.repairs == []


@pytest.mark.parametrize("others", [False, True])
def test_what_would_mend_is_said(rng, others):
    """No projection mends a NaN: it is said what does, and for others what they need."""
    x, _ = data(rng)
    model = keras.Sequential([keras.Input((4,))])
    for _ in range(2):
        model.add(layers.Dense(4, kernel_constraint=ci.NonNegative()))
    model.layers[0].kernel.assign(np.full((4, 4), np.nan, "f4"))
    model.layers[1].kernel.assign(np.full((4, 4), -1.0 if others else 1.0, "f4"))
    with pytest.raises(RuntimeError, match=r"load_weights.*StopAtFault\(\)") as found:
        model.predict(x, verbose=0, callbacks=[ci.KeepFeasible("raise")])
    assert ('KeepFeasible("repair")' in str(found.value)) == others


@pytest.mark.parametrize("mode", ["repair", "warn", "raise"])
def test_a_model_without_a_constraint_is_told_once(mode, rng):
    """The callback would do nothing, and nobody would know; weights that are seen always obey."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")], name="plain")
    model.compile("sgd", "mse")
    keep, batch = ci.KeepFeasible(mode), data(rng)
    with pytest.warns(UserWarning, match="has nothing to keep: no weight of 'plain' has a") as told:
        model.fit(*batch, epochs=3, verbose=0, callbacks=[keep])
    assert sum("nothing to keep" in str(one.message) for one in told) == 1
    model.predict(batch[0], verbose=0, callbacks=[keep])
    ci.constrain(model, {"*/kernel": ci.NonNegative()})
    ci.project(model)
    model.fit(*batch, verbose=0, callbacks=[ci.KeepFeasible(mode)])
    seen = keras.Sequential([
        keras.Input((4,)), ci.Reparametrized(layers.Dense(3), kernel=ci.Box(0.1, 1.0))
    ])  # fmt: skip
    seen.compile("sgd", "mse")
    seen.fit(*batch, verbose=0, callbacks=[ci.KeepFeasible(mode)])


def test_what_is_not_finite_is_told_once(rng):
    """Not at every moment of a training; anew once it was finite in between, or in another one."""
    x, y = data(rng)
    model = one_layer()
    model.compile("sgd", "mse")
    lost = np.full((4, 3), np.nan, "f4")
    model.layers[0].kernel.assign(lost)
    keep = ci.KeepFeasible()
    for _ in range(2):
        with pytest.warns(UserWarning, match="not finite") as told:
            model.fit(x, y, epochs=2, verbose=0, callbacks=[keep])
        assert len([one for one in told if "not finite" in str(one.message)]) == 1
    model.layers[0].kernel.assign(np.ones_like(lost))
    model.predict(x, verbose=0, callbacks=[keep])
    model.layers[0].kernel.assign(lost)
    with pytest.warns(UserWarning, match="not finite"):
        model.predict(x, verbose=0, callbacks=[keep])


def test_paced_sets_keep_their_pace(rng):
    """`Every` may lie outside between its steps: it is looked at when training ends only."""
    x, y = data(rng)
    keep = ci.KeepFeasible()
    for a_set in (ci.Every(ci.NonNegative(), 50), ci.Braked(ci.Every(ci.NonNegative(), 50))):
        model = one_layer(keras.optimizers.SGD(5.0), a_set)
        model.fit(x, -abs(y), epochs=2, verbose=0, callbacks=[keep])
        assert ci.check(model).ok
    assert [repair.moment for repair in keep.repairs] == 2 * ["train end"]


@pytest.mark.parametrize(
    ("a_set", "paced"),
    [
        (ci.Every(ci.NonNegative(), 50), True),
        (ci.Relaxed(ci.NonNegative(), 0.5), True),
        (ci.Braked(ci.Every(ci.NonNegative(), 50)), True),
        (ci.Relaxed(ci.NonNegative(), 1.0), False),
        (ci.Every(ci.NonNegative(), 1), False),
    ],
)
def test_outside_by_its_pace_is_said_to_be(a_set, paced, rng):
    """Outside is outside, with the reason where it is by design; `project` takes it in."""
    x, y = data(rng)
    model = one_layer(keras.optimizers.SGD(5.0), a_set)
    model.fit(x, -abs(y), epochs=2, verbose=0)
    table = ci.check(model)
    assert [(row.ok, row.paced) for row in table.rows] == [(not paced, paced)]
    said = "outside, as its constraint takes its time" if paced else "ok"
    assert table.rows[0].verdict.startswith(said)
    if not paced:
        return
    with pytest.raises(
        AssertionError, match=r"outside by .*takes its time.*project\(model\) takes"
    ):
        assert_feasible(model)
    ci.project(model)
    assert [row.verdict for row in ci.check(model).rows] == ["ok"]


def test_no_hook_of_batches_unless_asked(rng):
    """Keras calls a callback after each batch only if it has something to do there."""
    x, y = data(rng)
    waits = {}
    for every in (None, 2):
        model, keep = one_layer(), ci.KeepFeasible(every=every)
        waits[every] = not keras.callbacks.CallbackList([keep], model=model)._async_train

        class Outside(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                self.model.layers[0].kernel.assign(-np.ones((4, 3), "f4"))

        model.layers[0].trainable = False
        model.add(layers.Dense(3))
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=4, verbose=0, callbacks=[Outside(), keep])
        assert [r.moment for r in keep.repairs] == (["step"] if every else []) + ["epoch end"]
    # On TensorFlow Keras calls all callbacks in the thread of the steps.
    assert waits == {None: keras.backend.backend() == "tensorflow", 2: True}


def test_average_is_one_of_members(rng):
    """Averages of a convex set are members at every step; worked out in NumPy."""
    x, y = data(rng)
    ema = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    model, expected = one_layer(ema), None
    for _ in range(3):
        model.train_on_batch(x, -abs(y))
        if hasattr(model, "jax_state_sync"):
            model.jax_state_sync()
        kernel = array(model.layers[0].kernel)
        expected = kernel if expected is None else 0.5 * expected + 0.5 * kernel
        average = array(ema._model_variables_moving_average[0])
        np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-7)
    assert (average >= 0).all()
    assert (average == 0).any()


def test_average_does_not_act_for_the_constraint(rng, tmp_path):
    """The average is taken before the constraint acts, which still finds the weight outside."""
    x, y = data(rng)
    model = one_layer(keras.optimizers.SGD(0.5, use_ema=True))
    log = ci.WeightLog(tmp_path / "run.db", every=1)
    model.fit(x, -abs(y), batch_size=12, verbose=0, callbacks=[log])
    assert ci.WeightLog.read(tmp_path / "run.db").violation.tolist()[1] > 0


def averaged(a_set, rng, wrap=lambda sgd: sgd):
    """A model with an average that lies outside of a set of norms, and the average."""
    x, y = data(rng)
    sgd = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    model = one_layer(wrap(sgd), a_set)
    for _ in range(3):
        model.train_on_batch(x, y)
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    return model, (x, y), sgd._model_variables_moving_average[0]


class Seen(keras.callbacks.Callback):
    """How far outside the kernel is where something happens, the last time."""

    def __init__(self, event):
        super().__init__()
        setattr(self, event, self.look)

    def look(self, *_, **__):
        self.found = ci.check(self.model).rows[0].violation


def scaled(sgd):
    """As in float16."""
    return keras.optimizers.LossScaleOptimizer(sgd)


def together(sgd):
    """As one of several optimizers."""
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        pytest.skip("this Keras has none")
    return keras.optimizers.MultiOptimizer(lambda _: sgd)


@pytest.mark.parametrize("wrap", [lambda sgd: sgd, scaled, together])
@pytest.mark.parametrize("event", ["on_test_batch_begin", "on_predict_batch_begin", "on_epoch_end"])
def test_averages_are_projected_before_they_are_swapped_in(event, wrap, rng):
    """Also where `SwapEMAWeights` stands behind: it finds them inside."""
    model, (x, y), average = averaged(ci.UnitNorm(), rng, wrap)
    assert np.abs(np.linalg.norm(array(average), axis=0) - 1).max() > 1e-3
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=event == "on_epoch_end")
    seen = Seen(event)
    callbacks = {"verbose": 0, "callbacks": [ci.KeepFeasible(), swap, seen]}
    if event == "on_test_batch_begin":
        model.evaluate(x, y, **callbacks)
    elif event == "on_predict_batch_begin":
        model.predict(x, **callbacks)
    else:
        model.fit(x, y, **callbacks)
    # TensorFlow swaps by sums and differences, which round.
    assert seen.found < 1e-6


@pytest.mark.parametrize(
    ("mode", "a_set"), [("warn", ci.UnitNorm()), ("repair", ci.Every(ci.UnitNorm(), 50))]
)
def test_averages_stay_that_are_not_to_be_repaired(mode, a_set, rng):
    """With a mode that changes nothing, and of a set that is kept at its own pace."""
    model, batch, average = averaged(a_set, rng)
    before = array(average)
    model.evaluate(*batch, verbose=0, callbacks=[ci.KeepFeasible(mode)])
    np.testing.assert_array_equal(array(average), before)


@pytest.mark.parametrize("use_ema", [True, False])
@pytest.mark.parametrize("act", ["test", "predict"])
def test_what_is_swapped_back_is_looked_at(act, use_ema, rng):
    """Behind a test and a prediction, where there are averages."""

    class Swap(keras.callbacks.Callback):
        def back(self, logs=None):
            self.model.layers[0].kernel.assign(-np.ones((4, 3), "f4"))

    x, y = data(rng)
    model = one_layer(keras.optimizers.SGD(0.1, use_ema=use_ema))
    keep, swap = ci.KeepFeasible(), Swap()
    setattr(swap, f"on_{act}_end", swap.back)
    # Before the first step the optimizer may have no averages yet.
    model.predict(x, verbose=0, callbacks=[keep])
    model.train_on_batch(x, y)
    if act == "test":
        model.evaluate(x, y, verbose=0, callbacks=[swap, keep])
    else:
        model.predict(x, verbose=0, callbacks=[swap, keep])
    assert [repair.moment for repair in keep.repairs] == use_ema * [f"{act} end"]


@pytest.mark.parametrize("a_set", [None, ci.NonNegative()], ids=["free", "constrained"])
def test_what_ends_with_averages_is_predicted_with_and_saved(a_set, rng, tmp_path):
    """On JAX Keras leaves weights and averages one array, which `predict` then gives away."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_constraint=a_set)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse")
    x, y = data(rng)
    model.fit(x, y, epochs=2, verbose=0)
    before = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), before)
    model.fit(x, y, epochs=1, verbose=0)


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="Keras asks for the average there"
)
def test_a_weight_that_has_no_average(rng):
    """Keras keeps none of a weight that its gradient replaces, as the scales of float8 are."""
    x, y = data(rng)
    model = one_layer(keras.optimizers.SGD(0.1, use_ema=True))
    model.layers[0].bias.overwrite_with_gradient = True
    model.layers[0].bias.constraint = ci.NonNegative()
    keep = ci.KeepFeasible()
    model.fit(x, abs(y), verbose=0, callbacks=[keep])
    assert ci.check(model).ok


def test_a_model_that_is_built_by_its_first_step(rng):
    """There is nothing to look at before."""
    x, y = data(rng)
    model = keras.Sequential([layers.Dense(3, kernel_constraint=ci.NonNegative())])
    model.compile("sgd", "mse")
    keep = ci.KeepFeasible()
    keep.set_model(model)
    keep.on_predict_begin()
    model.fit(x, y, verbose=0, callbacks=[keep])
    assert ci.check(model).ok
    assert {repair.moment for repair in keep.repairs} <= {"train begin", "epoch begin"}


def test_average_of_a_joint_and_of_a_function(rng):
    """A `Joint` is inside when `fit` ends; a function of the user's own is called once a step."""
    x, y = data(rng)
    joint, calls = ci.Joint(ci.UnitNorm()), []

    def mine(w):
        calls.append(1)
        return ops.maximum(w, 0.0)

    for a_set in (joint, ci.as_set(mine)):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_constraint=a_set,
                                  bias_constraint=joint if a_set is joint else None)])  # fmt: skip
        model.compile(keras.optimizers.SGD(0.5, use_ema=True), "mse")
        for _ in range(3):
            model.train_on_batch(x, -abs(y))
        steps = len(calls)
        model.fit(x, -abs(y), verbose=0)
        assert ci.check(model).ok
    assert steps <= 3


def test_lora(rng, tmp_path):
    """The sum of base and adaptation obeys after each batch, is saved, and loads."""
    x, y = data(rng)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")])
    model.layers[0].enable_lora(2)
    with pytest.warns(UserWarning, match="can not save the constraint of '.*d/kernel'"):
        ci.constrain(model, {"d/kernel": ci.UnitNorm()})
    model.compile(keras.optimizers.SGD(0.5), "mse")
    keep = ci.KeepFeasible(every=1)
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[keep])
    assert [r.moment for r in keep.repairs] == ["train begin", "step", "step", "step"]
    kernel = array(model.layers[0].kernel)
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=2e-6)
    assert np.abs(array(model.layers[0].lora_kernel_b)).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(loaded.layers[0].kernel), kernel, rtol=1e-6)


UNIT = ci.constrained(kernel=ci.UnitNorm())


def with_lora(rng):
    """A model whose kernel and adaptation together have columns of norm one."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")])
    model.layers[0].enable_lora(2)
    model.layers[0].lora_kernel_b.assign(rng.normal(size=(2, 3)))
    with pytest.warns(UserWarning, match="can not save the constraint of '.*d/kernel'"):
        ci.constrain(model, {"d/kernel": ci.UnitNorm()})
    ci.project(model)
    return model


def test_lora_that_is_quantized_or_merged(rng, tmp_path):
    """The sum obeys when it is quantized, and where it is one kernel; no map is put under it."""
    model = with_lora(rng)
    with pytest.raises(ValueError, match=r"without low-rank adapters.*d/kernel'.*`load_weights`"):
        ci.reparametrize(model)
    with pytest.raises(ValueError, match=r"`kernel` of `Reparametrized` must .* without low-rank"):
        ci.Reparametrized(model.layers[0], kernel=ci.UnitNorm()).build((None, 4))
    kernel = array(model.layers[0].kernel)
    model.save_weights(tmp_path / "adapted.weights.h5")
    merged = keras.Sequential([keras.Input((4,)), layers.Dense(3, **UNIT, name="d")])
    merged.load_weights(tmp_path / "adapted.weights.h5")
    assert ci.check(merged).ok
    np.testing.assert_allclose(array(merged.layers[0].kernel), kernel, rtol=1e-6)
    model.layers[0].quantize("int8")
    assert [row.set for row in ci.check(model).rows] == ["each unit's norm exactly 1"]
    (record,) = effective_records(model)
    ci.project(model)
    np.testing.assert_allclose(np.linalg.norm(array(record.value), axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(array(record.value), kernel, atol=2e-2)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_quantized(mode):
    """Norms are held, by scales of units; an orthogonal matrix as near as the grid."""
    for a_set, near in ((ci.UnitNorm(), 0), (ci.Orthogonal(), 0.1)):
        model = one_layer(a_set=a_set)
        model.quantize(mode)
        before = ci.check(model).rows[0].violation
        ci.project(model)
        after = ci.check(model).rows[0].violation
        assert after <= min(before, near if mode != "float8" else 0)
        if mode == "float8" or near:
            continue
        # What `check` looks at is what the layer multiplies with, but for the rounded inputs.
        kernel = np.asarray(ops.convert_to_numpy(model(np.eye(4, dtype="f4"))))
        (record,) = effective_records(model)
        np.testing.assert_allclose(array(record.value), kernel, atol=2e-2)
        assert a_set.resolve((0,)).violation(kernel.astype("f4")) < 2e-2


OTHERS = {
    "rows of a table": lambda: (
        layers.Embedding(9, 4, embeddings_constraint=ci.UnitNorm()), np.arange(9)
    ),
    "heads": lambda: (
        layers.EinsumDense("ab,bcd->acd", (3, 2), kernel_constraint=ci.UnitNorm()), np.eye(4)
    ),
    "from heads": lambda: (
        layers.EinsumDense("abc,bcd->ad", 4, kernel_constraint=ci.UnitNorm()),
        np.eye(6).reshape(6, 3, 2),
    ),
    "swapped": lambda: (
        layers.EinsumDense("abc,cd->adb", (3, None), kernel_constraint=ci.UnitNorm()),
        np.eye(4)[:, None].repeat(2, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_tables_and_kernels_of_any_rank_are_held_when_quantized(mode, kind):
    """What `check` looks at is what the layer computes with; `project` scales each unit."""
    layer, x = OTHERS[kind]()
    x = x.astype("int32" if kind == "rows of a table" else "f4")
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype.name), layer])
    model.quantize(mode)
    (record,) = effective_records(model)
    assert ci.check(model).rows[0].violation > 1e-4
    before = array(record.value)
    moved = ci.project(model)
    assert [*moved] == [record.path]
    assert ci.check(model).ok
    now = array(record.value)
    unit = (1,) if kind == "rows of a table" else (0, 1) if kind == "from heads" else (0,)
    np.testing.assert_allclose(np.sqrt((now**2).sum(unit)), 1.0, rtol=2e-6)
    sizes = np.sqrt((before**2).sum(unit, keepdims=True))
    np.testing.assert_allclose(now, before / sizes, rtol=1e-5, atol=1e-7)
    got = np.asarray(ops.convert_to_numpy(model(x))).astype("f4")
    expected = now
    if kind == "swapped":
        expected = now[:, :, None].repeat(2, 2)
    np.testing.assert_allclose(got.reshape(expected.shape), expected, atol=2e-2)


def test_quantized_elsewhere_says_so(rng):
    """A quantized weight that is not looked at has a row that says so, and is not called ok."""
    table = layers.ReversibleEmbedding(9, 4, embeddings_constraint=ci.UnitNorm())
    model = keras.Sequential([keras.Input((3,), dtype="int32"), table])
    model.quantize("int8")
    (row,) = ci.check(model).rows
    assert not row.ok
    assert row.error == (
        "quantized: can be looked at in Dense, EinsumDense and Embedding, not in "
        "ReversibleEmbedding"
    )
    assert ci.project(model) == {}


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="see the next")
def test_export(rng, tmp_path):
    """What `project` has taken inside is what `Model.export` writes."""
    import tensorflow as tf

    model = one_layer(a_set=ci.UnitNorm())
    model.layers[0].kernel.assign(np.full((4, 3), 2.0, "f4"))
    ci.project(model)
    model.export(tmp_path / "artifact", verbose=False)
    artifact = tf.saved_model.load(tmp_path / "artifact")
    served = np.asarray(artifact.serve(np.eye(4, dtype="f4")))
    np.testing.assert_allclose(np.linalg.norm(served, axis=0), 1, rtol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="exports there in its own format")
def test_export_of_torch(tmp_path):
    """The same for the format that PyTorch has."""
    import torch

    model = one_layer(a_set=ci.UnitNorm())
    model.layers[0].kernel.assign(np.full((4, 3), 2.0, "f4"))
    ci.project(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.export(tmp_path / "artifact.pt2", format="torch", verbose=False)
        except ValueError as reason:
            pytest.skip(f"this Keras does not: {reason}")
        artifact = torch.export.load(tmp_path / "artifact.pt2").module()
    # Exported for batches of one.
    served = torch.cat([artifact(row[None]) for row in torch.eye(4)]).detach().numpy()
    np.testing.assert_allclose(np.linalg.norm(served, axis=0), 1, rtol=1e-5)


def test_the_page_of_moments_lists_the_moments():
    """Each moment with each set, in order, and 0 with this library."""
    rows = re.findall(r"^\| (.+?) \| (\w+) \| (.+) \|$", MOMENTS_PAGE.read_text(), re.MULTILINE)
    cells = [row for row in rows if row[0] != "moment"]
    listed = [(title, name) for title in moments.MOMENTS for name in moments.SETS]
    assert [row[:2] for row in cells] == listed
    for row in cells:
        assert row[2].split(" | ")[:3] == ["0", "0", "0"], row


@pytest.mark.parametrize(("title", "backends", "code"), LOOPS, ids=[loop[0] for loop in LOOPS])
def test_loop_of_the_page(title, backends, code, rng):
    """Each loop that docs/hold.md shows runs, changes weights and leaves them inside."""
    if keras.backend.backend() not in backends.lower() and backends != "any backend":
        pytest.skip(f"a loop for {backends}")
    x, y = data(rng)
    model = one_layer(keras.optimizers.SGD(0.5))
    before = array(model.layers[0].kernel)
    exec(compile(code, title, "exec"), {"model": model, "x": x, "y": -abs(y), "ci": ci, **MODULES})
    assert ci.check(model).ok
    kernel = array(model.layers[0].kernel)
    assert (kernel == 0).any()
    assert not same_bits(kernel, before)


def test_every_loop_has_its_line():
    """The page shows what it promises."""
    assert len(LOOPS) == 8


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of torch.optim")
def test_hold_after_twice_is_once():
    """The second takes the place of the first for the same model, and of no other."""
    import torch

    calls = []

    def counted(name):
        def constraint(w):
            calls.append(name)
            return w

        return constraint

    model, other = one_layer(a_set=counted("a"), inside=False), one_layer(
        a_set=counted("b"), inside=False
    )  # fmt: skip
    optimizer = torch.optim.SGD([*model.parameters(), *other.parameters()], lr=0.1)
    first = ci.hold_after(optimizer, model)
    ci.hold_after(optimizer, other)
    again = ci.hold_after(optimizer, model)
    optimizer.step()
    assert sorted(calls) == ["a", "b"]
    first.remove()
    optimizer.step()
    assert sorted(calls) == ["a", "a", "b", "b"]
    again.remove()
    optimizer.step()
    assert sorted(calls) == ["a", "a", "b", "b", "b"]
    ci.hold_after(optimizer, model)
    optimizer.step()
    assert calls.count("a") == 3


WRONG = [
    (lambda: ci.KeepFeasible("mend"),
     r"`mode` of `KeepFeasible` must be 'repair', 'warn' or 'raise'. Received: mode='m.*"),
    (lambda: ci.KeepFeasible(every=0),
     "`every` of `KeepFeasible` must be an integer of at least 1. .*"),
    (lambda: ci.hold_after(keras.optimizers.SGD(), one_layer()),
     "`optimizer` of `hold_after` must be a torch.optim.Optimizer. Received: SGD. .*"),
    (lambda: ci.held(one_layer(), []),
     "`values` of `held` must hold one tensor for each of .*, 2 in number. Received: 0."),
    (lambda: ci.hold(3), "`model` of `hold` must be a Keras model or layer. Received: model=3."),
]  # fmt: skip
test_message = whole_messages(WRONG)


def test_hold_of_nothing_says_so_once():
    """As `KeepFeasible` does; not of a model whose weights are seen through maps."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="bare")
    with pytest.warns(UserWarning, match="`hold` has nothing to keep: no weight of 'bare'"):
        ci.hold(model)
    mapped = ci.Reparametrized(keras.layers.Dense(2), kernel=ci.Positive())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ci.hold(model)
        ci.hold(keras.Sequential([keras.Input((3,)), mapped]))
