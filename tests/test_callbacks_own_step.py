"""The three callbacks in the `fit` of models that train by a `train_step` of their own."""

import keras
import numpy as np
import pytest
from keras import ops
from own_steps import BACKEND, Adversaries, Autoencoder, Regression

import constrainit as ci

pytestmark = pytest.mark.everywhere

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = X[:, :1].copy()
MODELS = {"regression": (Regression, Y), "autoencoder": (Autoencoder, None)}


def fit(model, x, y, *callbacks):
    ci.project(model)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize("name", MODELS)
def test_a_step_of_its_own_is_held_and_logged(name, tmp_path):
    """Weights obey, and each logged step has its gradient, as with the step of Keras."""
    make, y = MODELS[name]
    model = make(kernel_constraint=ci.NonNegative())
    stop = ci.StopAtFault(tmp_path / "fault.npz")
    fit(model, X, y, ci.KeepFeasible(), ci.WeightLog(tmp_path / "run.db", every=3), stop)
    assert ci.check(model).ok
    assert stop.faults == []
    frame = ci.WeightLog.read(tmp_path / "run.db")
    assert sorted(set(frame["step"])) == [0, 3, 6, 9, 10]
    assert frame["gradient_norm"].notna().equals(frame["step"].isin([3, 6, 9]))
    assert (frame["violation"] > 0).any()


@pytest.mark.parametrize("name", MODELS)
def test_a_fault_in_a_step_of_its_own_is_undone(name):
    """As with the step of Keras, but for its loss, which nobody tells."""
    make, y = MODELS[name]
    model, x, stop = make(), X.copy(), ci.StopAtFault(None, every=3)
    x[21] = np.nan
    with pytest.warns(UserWarning, match=r"At step 6 its batch is not finite\. Training stops"):
        fit(model, x, y, stop)
    assert [(fault.step, fault.stage, fault.loss) for fault in stop.faults] == [(6, "batch", None)]
    assert all(np.isfinite(w).all() for w in model.get_weights())


class Tracked(keras.Model):
    """Names its own metrics in place of all, and keeps the mean of its loss in one of them."""

    def __init__(self, name):
        super().__init__()
        self.out = keras.layers.Dense(1)
        self.tracker = keras.metrics.Mean(name=name)
        self.compile(keras.optimizers.SGD(0.1), "mse")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x, training=None):
        return self.out(x)

    def train_step(self, *given):
        if BACKEND == "jax":
            import jax

            (free, others, slots, kept), (x, y) = given

            def objective(free):
                return ops.mean(ops.square(self.stateless_call(free, others, x)[0] - y))

            loss, grads = jax.value_and_grad(objective)(free)
            free, slots = self.optimizer.stateless_apply(slots, grads, free)
            kept = self.tracker.stateless_update_state(kept, loss)
            return {"loss": loss}, (free, others, slots, kept)
        ((x, y),) = given
        variables = self.trainable_variables
        if BACKEND == "torch":
            self.zero_grad()
            loss = ops.mean(ops.square(self(x) - y))
            loss.backward()
            grads = [v.value.grad for v in variables]
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                loss = ops.mean(ops.square(self(x) - y))
            grads = tape.gradient(loss, [v.value for v in variables])
        self.optimizer.apply(grads, variables)
        self.tracker.update_state(ops.stop_gradient(loss))
        return {"loss": loss}


@pytest.mark.parametrize(("name", "loss"), [("loss", np.nan), ("distance", None)])
def test_a_model_may_name_its_own_metrics_in_place_of_all(name, loss):
    """Sound data pass; a fault is undone, in the metric too, and its loss is told where known."""
    x, stop = X.copy(), ci.StopAtFault(None, every=3)
    model = Tracked(name)
    model(X[:4])
    fit(model, X, Y, stop)
    assert stop.faults == []
    x[21] = np.nan
    with pytest.warns(UserWarning, match=r"At step 16 its batch is not finite"):
        fit(model, x, Y, stop)
    (fault,) = stop.faults
    assert fault.loss == pytest.approx(loss, nan_ok=True)
    assert int(model.tracker.count) == 5
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_steps_of_other_optimizers_are_not_seen_and_that_is_said(tmp_path):
    """Weights are held all the same."""

    def compiled():
        made = Adversaries(kernel_constraint=ci.NonNegative())
        made.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
        return made

    model = compiled()
    log = ci.WeightLog(tmp_path / "run.db", every=1)
    if BACKEND == "jax":
        with pytest.raises(ValueError, match="'adversaries' has a state in which"):
            fit(model, X, None, log)
        # What a step that fails was given JAX does not give back.
        model = compiled()
        fit(model, X, None, ci.KeepFeasible("raise"))
    else:
        with pytest.warns(UserWarning, match="RMSprop, the optimizer that the model was compiled"):
            fit(model, X, None, ci.KeepFeasible("raise"), log)
        assert set(ci.WeightLog.read(tmp_path / "run.db")["step"]) == {0}
    assert ci.check(model).ok
