"""Regression with unit-length hidden units; the normalisation runs only every few updates."""

import keras
import numpy as np


@keras.saving.register_keras_serializable("b10")
class EveryN(keras.constraints.Constraint):
    def __init__(self, n=10, axis=0):
        self.n = n
        self.axis = axis
        self.step = 0
        self.inner = keras.constraints.UnitNorm(axis=axis)

    def __call__(self, w):
        self.step += 1
        if self.step % self.n == 0:
            return self.inner(w)
        return w

    def get_config(self):
        return {"n": self.n, "axis": self.axis}


def make_model():
    keras.utils.set_random_seed(10)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(
                16, activation="tanh", kernel_constraint=EveryN(10), name="features"
            ),
            keras.layers.Dense(1),
        ]
    )
    k = m.get_layer("features").kernel
    k.assign(keras.constraints.UnitNorm(axis=0)(k))
    m.compile(keras.optimizers.Adam(0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (3 * np.sin(2 * x[:, :1]) - 2 * x[:, 1:2] * x[:, 2:3]).astype("float32")
    return x, y
