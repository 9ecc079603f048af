"""Variational autoencoder for count profiles."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b22")
class Sampling(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(22)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        kl = -0.5 * ops.sum(1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var), axis=1)
        self.add_loss(1e-3 * ops.mean(kl))
        eps = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * eps


def make_model():
    keras.utils.set_random_seed(22)
    inp = keras.Input((30,))
    h = keras.layers.Dense(32, activation="relu", name="encoder")(inp)
    z_mean = keras.layers.Dense(4, name="z_mean")(h)
    z_log_var = keras.layers.Dense(4, name="z_log_var")(h)
    z = Sampling(name="z")([z_mean, z_log_var])
    h = keras.layers.Dense(32, activation="relu", name="decoder")(z)
    out = keras.layers.Dense(30, name="rates", kernel_constraint=keras.constraints.MaxNorm(5.0))(h)
    m = keras.Model(inp, out)
    m.compile(keras.optimizers.Adam(0.003), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    z = r.normal(size=(64, 4))
    lam = np.exp(5.0 + 0.7 * z @ r.normal(size=(4, 30)))
    x = r.poisson(np.minimum(lam, 2e4)).astype("float32")
    return x, np.log1p(x).astype("float32")
