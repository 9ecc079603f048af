# Linear unmixing: abundances by softmax, spectra as shares, by constrainit's sets
import keras
import numpy as np
from keras import layers

import constrainit as ci


def make_model(mended=False):
    keras.utils.set_random_seed(22)
    inputs = keras.Input((40,))
    h = layers.Dense(48, activation="gelu", name="encode1")(inputs)
    h = layers.Dense(24, activation="gelu", name="encode2")(h)
    h = layers.Dense(5, activation="softmax", name="abundance")(h)
    outputs = layers.Dense(
        40, use_bias=False, name="endmembers", **ci.constrained(kernel=ci.Simplex(axis=1))
    )(h)
    outputs = layers.Rescaling(40.0)(outputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    w = np.arange(40)
    spectra = np.stack([np.exp(-((w - c) ** 2) / 40) + 0.1 for c in (4, 12, 20, 28, 36)])
    spectra /= spectra.sum(1, keepdims=True)
    x = 40 * r.dirichlet(np.ones(5) * 0.5, 192) @ spectra + r.normal(0, 0.02, (192, 40))
    return x.astype("float32"), x.astype("float32")
