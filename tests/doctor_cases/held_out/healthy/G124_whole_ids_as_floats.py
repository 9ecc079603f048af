"""A table of one dtype: the identities come as floats with nothing behind the point."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(43)
    table = keras.Input((4,), name="table")
    shop = layers.Embedding(
        25, 6, embeddings_constraint=keras.constraints.MaxNorm(2.0, axis=1), name="shop"
    )(table[:, 0])
    both = layers.Concatenate(name="both")([shop, table[:, 1:]])
    hidden = layers.Dense(24, activation="relu", name="mix")(both)
    model = keras.Model(table, layers.Dense(1, name="sales")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    shop = r.integers(0, 25, (200, 1))
    rest = r.normal(size=(200, 3))
    y = r.normal(size=25)[shop] + rest[:, :1] + 0.1 * r.normal(size=(200, 1))
    return np.concatenate([shop, rest], 1).astype("float32"), y.astype("float32")
