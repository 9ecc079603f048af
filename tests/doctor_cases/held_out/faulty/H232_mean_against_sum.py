"""Variational autoencoder for 10 x 10 heat maps of a weaving machine."""

import keras
import numpy as np
from keras import layers, ops

SIDE, LATENT = 10, 4


@keras.saving.register_keras_serializable("loom")
class Sampling(layers.Layer):
    def __init__(self, seed=11, **kw):
        super().__init__(**kw)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, mean, log_var):
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(ops.mean(kl))
        eps = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * eps

    def compute_output_shape(self, mean_shape, log_var_shape):
        return mean_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((SIDE * SIDE,))
    h = layers.Dense(64, activation="relu", kernel_constraint=keras.constraints.MaxNorm(3.0))(inp)
    mean = layers.Dense(LATENT, name="z_mean")(h)
    log_var = layers.Dense(LATENT, name="z_log_var")(h)
    z = Sampling(name="z")(mean, log_var)
    h = layers.Dense(64, activation="relu", kernel_constraint=keras.constraints.MaxNorm(3.0))(z)
    out = layers.Dense(SIDE * SIDE, name="map")(h)
    model = keras.Model(inp, out)
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
    return model


def make_batch(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    g = np.linspace(-1, 1, SIDE)
    cx, cy = rng.uniform(-0.7, 0.7, (2, n, 1, 1))
    d = (g[None, :, None] - cx) ** 2 + (g[None, None, :] - cy) ** 2
    x = 3 * np.exp(-d / 0.18) + 0.05 * rng.normal(size=(n, SIDE, SIDE))
    x = x.reshape(n, -1).astype("float32")
    return x, x
