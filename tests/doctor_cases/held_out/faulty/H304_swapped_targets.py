"""Two heads: the price and whether it sold, with targets in the order (sold, price)."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(7)
    inp = keras.Input((8,))
    h = layers.Dense(
        32, activation="relu", kernel_constraint=keras.constraints.MaxNorm(3.0), name="shared"
    )(inp)
    price = layers.Dense(1, name="price")(h)
    sold = layers.Dense(1, activation="sigmoid", name="sold")(h)
    m = keras.Model(inp, [price, sold])
    m.compile(keras.optimizers.Adam(0.003), loss=["mse", "binary_crossentropy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 8)).astype("float32")
    price = (3.0 + x[:, :1] + 0.5 * x[:, 1:2]).astype("float32")  # in 100 000
    sold = (x[:, 2:3] > 0).astype("float32")
    return x, [sold, price]
