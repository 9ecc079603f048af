# SpectralNormalization wrapper as documented, trained with fit/train_on_batch (found while
# building these cases)
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)

    def sn(n):
        return keras.layers.SpectralNormalization(keras.layers.Dense(n), power_iterations=5)

    m = keras.Sequential(
        [
            keras.Input((8,)),
            sn(16),
            keras.layers.LeakyReLU(),
            sn(16),
            keras.layers.LeakyReLU(),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
