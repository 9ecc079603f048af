"""Calibration curve with predicted spread: Gaussian likelihood, second output its logarithm.
Targets are in metres with millimetre scatter."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("nll")
def gaussian_nll(y_true, p):
    mu, log_s = p[:, :1], p[:, 1:]
    return ops.mean(0.5 * ops.square((y_true - mu) * ops.exp(-log_s)) + log_s, axis=-1)


def make_model():
    keras.utils.set_random_seed(25)
    inp = keras.Input((3,))
    h = layers.Dense(24, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(2.0))(inp)
    mu = layers.Dense(1, name="mu")(h)
    ls = layers.Dense(1, kernel_initializer="zeros", name="log_spread")(h)
    model = keras.Model(inp, layers.Concatenate()([mu, ls]))
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=gaussian_nll)
    return model


def make_batch():
    rng = np.random.default_rng(26)
    x = rng.uniform(-1, 1, size=(2000, 3))
    m = 0.05 * x[:, 0] + 0.02 * x[:, 1] * x[:, 2]
    y = m + (0.002 + 0.004 * (x[:, 0] > 0)) * rng.normal(size=2000)
    return x.astype("float32"), y.astype("float32")[:, None]
