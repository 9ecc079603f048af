"""The three callbacks in the `fit` of models that have no weights yet."""

import keras
import numpy as np
import pytest
from conftest import array
from own_steps import BACKEND

import constrainit as ci

pytestmark = pytest.mark.everywhere

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = X[:, :1].copy()


class Subclassed(keras.Model):
    """Its layers are built where it is called first."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.out = keras.layers.Dense(
            1, kernel_initializer=keras.initializers.Constant(-1.0),
            kernel_constraint=ci.NonNegative(),
        )  # fmt: skip

    def call(self, x):
        return self.out(x)


def unbuilt(**compiled):
    made = Subclassed()
    made.compile(keras.optimizers.SGD(0.1), "mse", **compiled)
    return made


def fit(model, x, *callbacks, epochs=2):
    model.fit(x, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks])


@pytest.mark.parametrize("together", [1] if BACKEND == "torch" else [1, 3])
def test_the_callbacks_begin_where_fit_builds_the_model(tmp_path, together):
    """The start is held and logged, and the model trains as one that was built before."""
    model = unbuilt(steps_per_execution=together)
    keep, stop = ci.KeepFeasible(), ci.StopAtFault(None, every=3)
    log = ci.WeightLog(tmp_path / "run.db", every=5)
    fit(model, X, keep, log, stop)
    assert stop.faults == []
    assert [one.moment for one in keep.repairs] == ["train begin"]
    frame = ci.WeightLog.read(log.path)
    assert frame["step"].tolist() == [0, 5, 10, 15, 20]
    assert frame["after_norm"][0] == 0
    other = unbuilt(steps_per_execution=together)
    other(X[:4])
    ci.project(other)
    fit(other, X)
    for one, same in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(array(one), array(same), rtol=1e-5, atol=1e-6)
    fit(model, X, keep, log, stop)
    assert int(model.optimizer.iterations) == 40


def test_a_fault_in_the_step_that_builds_the_model_is_undone():
    """As in any other step."""
    x, model, stop = X.copy(), unbuilt(), ci.StopAtFault(None)
    x[0] = np.nan
    with pytest.warns(UserWarning, match=r"At step 1 its batch is not finite"):
        fit(model, x, stop)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert int(model.optimizer.iterations) == 0


def test_another_callback_may_build_the_model(tmp_path):
    """Those that waited for it begin with the next one."""

    class Builds(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model(X[:4])

    keep, log = ci.KeepFeasible(), ci.WeightLog(tmp_path / "run.db", every=5)
    fit(unbuilt(), X, keep, Builds(), log, epochs=1)
    assert [one.moment for one in keep.repairs] == ["train begin"]
    assert ci.WeightLog.read(log.path)["step"].tolist() == [0, 5, 10]


class Uncalled(keras.Model):
    """Can not be called, so nobody can build it before its step."""

    def __init__(self):
        super().__init__(name="uncalled")
        self.out = keras.layers.Dense(1, kernel_constraint=ci.NonNegative())

    def train_step(self, data):
        return {"loss": keras.ops.mean(keras.ops.square(self.out(data[0]) - data[1]))}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="Keras refuses it itself")
def test_a_model_that_can_not_be_built_is_named_with_what_helps(tmp_path):
    """By the name of the callback; what can do without weights goes on."""
    for needing in (ci.StopAtFault(None), ci.WeightLog(tmp_path / "run.db")):
        model = Uncalled()
        model.compile("sgd")
        name = type(needing).__name__
        with pytest.raises(ValueError, match=f"`model` of `{name}` must be built: 'uncalled' has"):
            fit(model, X, needing)
    model = Uncalled()
    model.compile("sgd")
    fit(model, X, ci.KeepFeasible())
