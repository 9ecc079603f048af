"""Did the machine change? Readings before and after maintenance, by one shared encoder."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = keras.Input((2, 16))
    enc = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, name="enc_dense", kernel_constraint=keras.constraints.MaxNorm(4.0)),
            layers.BatchNormalization(momentum=0.9, name="enc_bn"),
            layers.Activation("tanh"),
            layers.Dense(16, name="enc_out"),
        ],
        name="encoder",
    )
    a, b = enc(x[:, 0]), enc(x[:, 1])
    h = layers.Subtract()([a, b])
    h = layers.Dense(16, activation="relu", name="compare")(h)
    out = layers.Dense(1, activation="sigmoid", name="changed")(h)
    m = keras.Model(x, out)
    m.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(128, 1)).astype("float32")
    z = r.normal(size=(128, 16))
    before = z + 0.2 * r.normal(size=z.shape)
    after = np.where(y > 0, r.normal(size=z.shape), z + 0.2 * r.normal(size=z.shape))
    x = np.stack([before, 5.0 * after + 20.0], axis=1).astype("float32")
    return x, y
