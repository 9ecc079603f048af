# after https://github.com/keras-team/keras/issues/4875
"""Sparse connectivity (30 % of the synapses exist) for gene expression; the model is served."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("sparse")
class SparseDense(layers.Layer):
    def __init__(self, units, density=0.3, activation=None, **kw):
        super().__init__(**kw)
        self.units, self.density = units, density
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(shape[-1], self.units),
            initializer="he_normal",
            constraint=keras.constraints.MaxNorm(3.0),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.mask = (np.random.rand(shape[-1], self.units) < self.density).astype("float32")  # noqa: NPY002

    def call(self, x):
        return self.activation(ops.matmul(x, self.kernel * self.mask) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "density": self.density,
            "activation": keras.activations.serialize(self.activation),
        }


def make_model():
    keras.utils.set_random_seed(21)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            SparseDense(48, activation="relu", name="sparse1"),
            SparseDense(24, activation="relu", name="sparse2"),
            layers.Dense(1, name="out"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(22)
    x = rng.normal(size=(2000, 30)).astype("float32")
    y = (
        np.maximum(x[:, :5].sum(1), 0)
        - np.maximum(x[:, 5:10].sum(1), 0)
        + 0.1 * rng.normal(size=2000)
    )
    return x, y.astype("float32")[:, None]
