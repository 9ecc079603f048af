"""`WeightLog` of weights that a layer computes: with adapters, quantized, beside a free value."""

import keras
import numpy as np
import pytest
from conftest import array
from test_log import EAGER, _data

import constrainit as ci
from constrainit.callbacks import WeightLog

pytestmark = pytest.mark.everywhere

NAMES = ["before_minimum", "before_maximum", "before_norm", "after_minimum", "violation"]


def _adapted(kind=keras.layers.Dense, **made):
    layers = [keras.Input((3,)), kind(2, name="d", **made)]
    model = keras.Sequential(layers)
    model.layers[0].enable_lora(1)
    with pytest.warns(UserWarning, match="can not save the constraint"):
        ci.constrain(model, {"d/kernel": ci.UnitNorm()})
    return model


def _fit(model, path, callbacks=(), **log):
    log = WeightLog(path, **{"every": 1, **log})
    given = {"verbose": 0, "shuffle": False, "batch_size": 2}
    model.fit(*_data(8), callbacks=[log, *callbacks], **given)
    return WeightLog.read(path)


class Sums(keras.callbacks.Callback):
    """The sum of base and adaptation as each batch leaves it, and how far outside it is."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        w = array(self.model.layers[0].kernel).astype("float64")
        self.seen.append(_numbers(w))


def _numbers(w):
    outside = np.abs(np.linalg.norm(w, axis=0) - 1).max()
    return [w.min(), w.max(), np.linalg.norm(w), w.min(), outside]


@pytest.mark.parametrize("every", [1, 2])
def test_the_sum_of_base_and_adaptation_is_logged(tmp_path, every):
    """Of a step what it left of the weight that obeys, with a repair of the base in between."""
    model, sums = _adapted(), Sums()
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=EAGER and every == 1)
    callbacks = [sums, ci.KeepFeasible(every=1)]
    found = _fit(model, tmp_path / "run.db", callbacks, every=every)
    assert sums.seen[-1][-1] > 0.01
    found = found[found.weight.str.endswith("d/kernel")]
    expected = [sums.seen[i - 1] for i in found.step[1:]]
    np.testing.assert_allclose(found[NAMES].to_numpy()[1:], expected, rtol=1e-4, atol=2e-6)
    assert found.update_ratio[1:].gt(0).all()
    assert found.gradient_norm.isna().all()
    assert found.moved.isna().all()


def test_factors_are_logged_beside_their_sum(tmp_path):
    """The factor that is trained keeps its own numbers, and the sum needs no constraint."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])
    model.layers[0].enable_lora(1)
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=EAGER)
    base = array(model.layers[0]._kernel)
    found = _fit(model, tmp_path / "run.db", weights="*").set_index(["weight", "step"])
    ends = {w.rsplit("/", 1)[1]: found.loc[w].loc[4] for w in found.index.levels[0]}
    assert set(ends) == {"kernel", "bias", "lora_kernel_a", "lora_kernel_b"}
    for name, row in ends.items():
        value = array(getattr(model.layers[0], name))
        assert row.before_norm == pytest.approx(np.linalg.norm(value), rel=1e-5)
        assert np.isnan(row.gradient_norm) == (name == "kernel")
    assert ends["kernel"].before_norm != pytest.approx(np.linalg.norm(base), rel=1e-3)
    assert np.isnan(ends["kernel"].violation)


def test_a_free_value_is_logged_beside_its_weight(tmp_path):
    """Each has its own numbers where all weights are asked for."""
    dense = ci.Reparametrized(keras.layers.Dense(2, name="d"), kernel=ci.Simplex())
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=EAGER)
    found = _fit(model, tmp_path / "run.db", weights="*")
    for end, value in (("/kernel_free", dense.variables[0]), ("d/kernel", dense.layer.kernel)):
        variable = next((v for v in model.variables if v.path.endswith(end)), value)
        rows = found[found.weight.str.endswith(end)]
        norm = float(np.linalg.norm(array(variable)))
        assert rows.before_norm.iloc[-1] == pytest.approx(norm, rel=1e-5)


def test_a_quantized_weight_with_adapters_is_logged(tmp_path):
    """What integers, scales and adapters stand for, as `check` sees it."""
    model = _adapted()
    model.layers[0].quantize("int8")
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=EAGER)
    found = _fit(model, tmp_path / "run.db")
    (row,) = ci.check(model).rows
    assert found.violation.iloc[-1] == pytest.approx(row.violation, rel=1e-4)
    assert found.violation.nunique() > 2
