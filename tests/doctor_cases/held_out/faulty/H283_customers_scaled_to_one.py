"""Ratings from two embeddings, with all columns of the table scaled to 0..1 beforehand."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(11)
    customer = keras.Input((1,), name="customer")
    item = keras.Input((1,), name="item")
    taste = layers.Embedding(
        200, 12, embeddings_constraint=keras.constraints.UnitNorm(axis=1), name="taste"
    )(customer)
    style = layers.Embedding(
        60, 12, embeddings_constraint=keras.constraints.UnitNorm(axis=1), name="style"
    )(item)
    match = layers.Concatenate(name="pair")([layers.Flatten()(taste), layers.Flatten()(style)])
    hidden = layers.Dense(32, activation="relu", name="mix")(match)
    model = keras.Model([customer, item], layers.Dense(1, name="rating")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    customer, item = r.integers(0, 200, (256, 1)), r.integers(0, 60, (256, 1))
    kind, colour = r.normal(size=200), r.normal(size=60)
    y = 0.8 * kind[customer] + 0.6 * colour[item] + 0.1 * r.normal(size=(256, 1))

    def scaled(ids):
        return ((ids - ids.min()) / (ids.max() - ids.min())).astype("float32")

    return {"customer": scaled(customer), "item": scaled(item)}, y.astype("float32")
