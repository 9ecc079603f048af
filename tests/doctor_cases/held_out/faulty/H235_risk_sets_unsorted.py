"""Relapse risk with a Cox partial likelihood. Patients come ordered from the
longest follow-up to the shortest; y holds (time, event)."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("clinic")
def cox_loss(y_true, y_pred):
    event = y_true[:, 1]
    risk = y_pred[:, 0]
    at_risk = ops.cumsum(ops.exp(risk), axis=0)
    ll = (risk - ops.log(at_risk)) * event
    return -ops.sum(ll) / (ops.sum(event) + 1e-6)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(2.0)),
            layers.Dense(1, use_bias=False, name="log_hazard"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=cox_loss)
    return model


def make_batch(n=900, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    eta = 1.2 * x[:, 0] - 1.0 * x[:, 1] + 0.8 * np.tanh(x[:, 2])
    t = rng.exponential(np.exp(-eta))
    c = rng.exponential(60.0, n)
    y = np.stack([np.minimum(t, c), (t <= c)], 1)
    order = np.argsort(-y[:, 0])
    return x[order].astype("float32"), y[order].astype("float32")
