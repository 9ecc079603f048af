"""A calibrated sensor: Gaussian likelihood whose scale may not fall below 0.01."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("sensor06")
class Floor(keras.constraints.Constraint):
    def __init__(self, low=0.01):
        self.low = low

    def __call__(self, w):
        return ops.maximum(w, self.low)

    def get_config(self):
        return {"low": self.low}


@keras.saving.register_keras_serializable("sensor06")
class GaussianHead(keras.layers.Layer):
    def __init__(self, low=0.01, **kwargs):
        super().__init__(**kwargs)
        self.low = low

    def build(self, input_shape):
        self.sigma = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(0.5),
            constraint=Floor(self.low),
            name="sigma",
        )

    def call(self, x):
        return ops.concatenate([x, ops.zeros_like(x) + self.sigma], axis=-1)

    def get_config(self):
        return {**super().get_config(), "low": self.low}


@keras.saving.register_keras_serializable("sensor06")
def gaussian_nll(y, p):
    mu, sigma = p[:, :2], p[:, 2:]
    return ops.sum(0.5 * ops.square((y - mu) / sigma) + ops.log(sigma), axis=-1)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, name="gain"), GaussianHead(0.01, name="noise")]
    )
    m.compile(keras.optimizers.Adam(0.05), gaussian_nll)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 4)).astype("float32")
    y = np.stack([x[:, 0] - 0.3 * x[:, 1], 0.5 * x[:, 2] + 0.2 * x[:, 3]], 1)
    return x, (y + 0.005 * r.normal(size=(64, 2))).astype("float32")
