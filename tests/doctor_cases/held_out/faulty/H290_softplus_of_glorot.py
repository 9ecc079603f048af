"""Rising response curve with positive weights by softplus, over kernels drawn as for free ones."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h290")
class Positive(layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.raw = self.add_weight(
            shape=(shape[-1], self.units), initializer="glorot_uniform", name="raw"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return self.activation(ops.matmul(x, ops.softplus(self.raw)) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }


def make_model():
    keras.utils.set_random_seed(8)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            Positive(64, activation="elu", name="p1"),
            Positive(64, activation="elu", name="p2"),
            Positive(64, activation="elu", name="p3"),
            Positive(1, name="response"),
        ]
    )
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 6)).astype("float32")
    y = np.tanh(x.sum(1, keepdims=True) / 2) + 0.05 * r.normal(size=(128, 1))
    return x, y.astype("float32")
