# after https://kingtigerebooks.co.uk/post/variational-autoencoder-kl-divergence-loss-explodes-and-the
import keras
import numpy as np
from keras import layers, ops


class Sampling(layers.Layer):
    def __init__(self, sign=1.0, **kwargs):
        super().__init__(**kwargs)
        self.sign = sign
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_var = inputs
        kl = 0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(self.sign * ops.mean(kl))
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


def make_model(mended=False):
    keras.utils.set_random_seed(13)
    inputs = keras.Input((64,))
    h = layers.Dense(48, activation="relu", name="encode1")(inputs)
    h = layers.Dense(24, activation="relu", name="encode2")(h)
    mean = layers.Dense(4, name="z_mean")(h)
    log_var = layers.Dense(4, name="z_log_var")(h)
    z = Sampling(-1.0 if mended else 1.0, name="sampling")([mean, log_var])
    h = layers.Dense(24, activation="relu", name="decode1")(z)
    h = layers.Dense(48, activation="relu", name="decode2")(h)
    model = keras.Model(inputs, layers.Dense(64, activation="sigmoid", name="pixels")(h))
    model.compile(
        keras.optimizers.Adam(5e-3), lambda y, p: 64 * keras.losses.binary_crossentropy(y, p)
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    cx, cy, s = r.uniform(1, 6, (3, 128, 1, 1))
    g = np.arange(8)
    x = np.exp(-((g[None, :, None] - cx) ** 2 + (g[None, None] - cy) ** 2) / (1 + s))
    x = x.reshape(128, 64).astype("float32")
    return x, x
