"""Autoencoder whose decoder is the transposed encoder kernel at every call, near norm 1."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("c54")
class TiedAutoencoder(keras.layers.Layer):
    def __init__(self, latent_dim, kernel_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape):
        d = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(d, self.latent_dim),
            initializer="orthogonal",
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = self.add_weight(shape=(self.latent_dim,), initializer="zeros", name="bias")
        self.decoder_bias = self.add_weight(shape=(d,), initializer="zeros", name="decoder_bias")

    def call(self, x):
        z = ops.matmul(x, self.kernel) + self.bias
        return ops.matmul(z, ops.transpose(self.kernel)) + self.decoder_bias

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def make_model():
    keras.utils.set_random_seed(54)
    m = keras.Sequential(
        [
            keras.Input((12,)),
            TiedAutoencoder(
                4, kernel_constraint=keras.constraints.MinMaxNorm(0.9, 1.1, axis=0), name="tied"
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.03), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    b = np.linalg.qr(r.normal(size=(12, 4)))[0]
    x = (r.normal(size=(128, 4)) @ b.T + 0.05 * r.normal(size=(128, 12))).astype("float32")
    return x, x
