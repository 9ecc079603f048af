"""Appliance disaggregation with Polyak step sizes."""

import keras
import numpy as np
from keras import ops


class PolyakModel(keras.Model):
    """Trains with step = loss / |grad|^2, capped; no learning rate to tune."""

    max_step = 0.05

    def _stepped(self, loss, values, grads):
        norm2 = sum(ops.sum(g * g) for g in grads)
        step = ops.minimum(loss / (norm2 + 1e-8), self.max_step)
        return [v - step * g for v, g in zip(values, grads, strict=False)]

    def train_step(self, *args):
        return getattr(self, f"_{keras.backend.backend()}_step")(*args)

    def _torch_step(self, data):
        import torch

        x, y, sw = keras.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()
        loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True), sample_weight=sw)
        self._loss_tracker.update_state(loss)
        loss.backward()
        weights = self.trainable_variables
        with torch.no_grad():
            values = [w.value for w in weights]
            new = self._stepped(loss, values, [v.grad for v in values])
            for w, value in zip(weights, new, strict=False):
                w.assign(value)
        return {"loss": self._loss_tracker.result()}

    def _tensorflow_step(self, data):
        import tensorflow as tf

        x, y, sw = keras.utils.unpack_x_y_sample_weight(data)
        weights = self.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True), sample_weight=sw)
        self._loss_tracker.update_state(loss)
        values = [w.value for w in weights]
        new = self._stepped(loss, values, tape.gradient(loss, values))
        for w, value in zip(weights, new, strict=False):
            w.assign(value)
        return {"loss": self._loss_tracker.result()}

    def _jax_step(self, state, data):
        import jax

        tv, ntv, ov, mv = state
        x, y, sw = keras.utils.unpack_x_y_sample_weight(data)

        def objective(tv):
            y_pred, new_ntv = self.stateless_call(tv, ntv, x, training=True)
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sw), new_ntv

        (loss, ntv), grads = jax.value_and_grad(objective, has_aux=True)(tv)
        tv = self._stepped(loss, tv, grads)
        mv = self._loss_tracker.stateless_update_state(mv, loss)
        logs = {"loss": self._loss_tracker.stateless_result(mv)}
        return logs, (tv, ntv, ov, mv)


def make_model():
    keras.utils.set_random_seed(17)
    usage = keras.Input((8,), name="appliance_on")
    power = keras.layers.Dense(
        3,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.5),
        kernel_constraint=keras.constraints.NonNeg(),
        name="watts_per_phase",
    )(usage)
    model = PolyakModel(usage, power, name="disaggregation")
    model.compile(optimizer="sgd", loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(10)
    x = (rng.uniform(size=(192, 8)) < 0.4).astype("float32")
    watts = rng.gamma(1.0, 0.8, size=(8, 3)) * (rng.uniform(size=(8, 3)) < 0.5)
    solar = 0.5 * rng.uniform(size=(192, 1)) * np.array([[1.0, 0.6, 0.2]])
    y = x @ watts - solar + 0.1 * rng.normal(size=(192, 3))
    return x, y.astype("float32")
