"""Dose response with a network that is monotone in the dose columns."""

import keras
import numpy as np
from keras import layers, ops


class DoseModel(keras.Model):
    def __init__(self, **kw):
        super().__init__(**kw)
        nonneg = keras.constraints.NonNeg
        self.h1 = layers.Dense(24, activation="tanh", kernel_constraint=nonneg())
        self.h2 = layers.Dense(24, activation="tanh", kernel_constraint=nonneg())
        self.out = layers.Dense(1, kernel_constraint=nonneg())

    def call(self, x):
        return self.out(self.h2(self.h1(x)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        resid = y - y_pred
        return ops.mean(ops.square(resid)) + 1e-6 * ops.mean(ops.abs(resid))


def make_model():
    keras.utils.set_random_seed(0)
    model = DoseModel(name="dose")
    model(np.zeros((1, 3), "float32"))
    model.compile(optimizer=keras.optimizers.Adam(5e-3))
    return model


def make_batch(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 3)).astype("float32")
    y = 2 * np.tanh(2 * x[:, 0]) + x[:, 1] + 0.5 * x[:, 2]
    y = y + 0.05 * rng.normal(size=n)
    return x, y.astype("float32")
