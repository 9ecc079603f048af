import keras
import numpy as np
from keras import layers, ops


class VAE(keras.Model):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.encoder = keras.Sequential([layers.Dense(32, activation="relu"), layers.Dense(4)])
        self.decoder = keras.Sequential([layers.Dense(32, activation="relu"), layers.Dense(20)])
        self.seed = keras.random.SeedGenerator(3)
        self.total = keras.metrics.Mean(name="loss")
        self.rec = keras.metrics.Mean(name="reconstruction_loss")

    def call(self, x):
        mean, logvar = ops.split(self.encoder(x), 2, axis=-1)
        z = mean + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mean), seed=self.seed)
        return self.decoder(z), mean, logvar

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        out, mean, logvar = y_pred
        rec = ops.mean(ops.sum(ops.square(x - out), axis=-1))
        kl = -0.5 * ops.mean(ops.sum(1 + logvar - ops.square(mean) - ops.exp(logvar), axis=-1))
        self.rec.update_state(rec)
        return rec + kl


def make_model():
    keras.utils.set_random_seed(1)
    m = VAE()
    m.compile(keras.optimizers.Adam(2e-3))
    m(np.zeros((2, 20), "float32"))
    return m


def make_batch():
    r = np.random.default_rng(0)
    z = r.normal(size=(256, 2))
    x = np.tanh(z @ r.normal(size=(2, 20))) * 2 + 0.1 * r.normal(size=(256, 20))
    return x.astype("float32"), None
