"""Monotone scores: the weights are exponentials of free parameters."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("blind34")
class MonotoneDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kw):
        super().__init__(**kw)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, s):
        self.log_kernel = self.add_weight(
            shape=(s[-1], self.units), initializer="glorot_uniform", name="log_kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return self.activation(ops.matmul(x, ops.exp(self.log_kernel)) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((48,)),
            MonotoneDense(32, "tanh", name="mono_1"),
            MonotoneDense(32, "tanh", name="mono_2"),
            MonotoneDense(1, "linear", name="score"),
        ]
    )
    m.compile(keras.optimizers.Adam(1e-3), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 48)).astype("float32")
    y = (2 * x[:, :8].mean(axis=1, keepdims=True) + x[:, 8:9] ** 2).astype("float32")
    return x, y
