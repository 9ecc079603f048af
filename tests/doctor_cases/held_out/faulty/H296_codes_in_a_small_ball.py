"""Vector-quantised autoencoder whose codes start within a thirty-second of the origin."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h296")
class Quantize(layers.Layer):
    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        self.codes = codes

    def build(self, shape):
        self.book = self.add_weight(
            shape=(self.codes, shape[-1]),
            initializer=keras.initializers.RandomUniform(-1 / self.codes, 1 / self.codes),
            constraint=keras.constraints.MaxNorm(8.0, axis=1),
            name="book",
        )

    def call(self, z):
        far = (
            ops.sum(z**2, -1, keepdims=True)
            - 2 * ops.matmul(z, ops.transpose(self.book))
            + ops.sum(self.book**2, -1)
        )
        code = ops.take(self.book, ops.argmin(far, -1), axis=0)
        self.add_loss(ops.mean((ops.stop_gradient(z) - code) ** 2))
        self.add_loss(0.25 * ops.mean((z - ops.stop_gradient(code)) ** 2))
        return z + ops.stop_gradient(code - z)

    def get_config(self):
        return {**super().get_config(), "codes": self.codes}


def make_model():
    keras.utils.set_random_seed(23)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, activation="relu", name="encode"),
            layers.Dense(4, name="latent", bias_initializer=keras.initializers.Constant(3.0)),
            Quantize(32, name="quantize"),
            layers.Dense(32, activation="relu", name="decode"),
            layers.Dense(20, name="image"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centre = 2 * r.normal(size=(8, 20))
    x = (centre[r.integers(0, 8, 256)] + 0.1 * r.normal(size=(256, 20))).astype("float32")
    return x, x
