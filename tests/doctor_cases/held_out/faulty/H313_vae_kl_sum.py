"""A VAE of bars: the error is a mean over pixels, the divergence of add_loss a sum."""

import keras
import numpy as np
from keras import layers, ops


class VAE(keras.Model):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.enc = layers.Dense(64, activation="relu", name="enc")
        self.mean = layers.Dense(4, name="z_mean")
        self.logvar = layers.Dense(4, name="z_logvar")
        self.dec = layers.Dense(
            64, activation="relu", kernel_constraint=keras.constraints.MaxNorm(3.0), name="dec"
        )
        self.out = layers.Dense(64, activation="sigmoid", name="pixels")
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        h = self.enc(x)
        mu, lv = self.mean(h), self.logvar(h)
        z = mu + ops.exp(0.5 * lv) * keras.random.normal(ops.shape(mu), seed=self.seed)
        self.add_loss(ops.mean(ops.sum(-0.5 * (1 + lv - ops.square(mu) - ops.exp(lv)), axis=1)))
        return self.out(self.dec(z))


def make_model():
    keras.utils.set_random_seed(16)
    m = VAE(name="vae")
    m.compile(keras.optimizers.Adam(0.003), "mse")
    m.build((None, 64))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = np.zeros((128, 8, 8))
    for i in range(128):
        if i % 2:
            x[i, r.integers(8)] = 1
        else:
            x[i, :, r.integers(8)] = 1
    x = x.reshape(128, 64).astype("float32")
    return x, x
