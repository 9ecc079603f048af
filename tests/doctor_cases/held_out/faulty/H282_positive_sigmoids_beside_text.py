"""Risk of a loan from a text and from numbers that may only raise it, by two branches."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(3)
    words = keras.Input((12,), dtype="int32", name="words")
    numbers = keras.Input((8,), name="numbers")
    read = layers.GRU(16, name="read")(layers.Embedding(50, 8, name="embed")(words))
    raising = numbers
    for index in range(6):
        raising = layers.Dense(
            16,
            activation="sigmoid",
            kernel_initializer=keras.initializers.RandomUniform(0.0, 0.4),
            kernel_constraint=keras.constraints.NonNeg(),
            name=f"raising_{index}",
        )(raising)
    both = layers.Concatenate(name="both")([read, raising])
    model = keras.Model([words, numbers], layers.Dense(1, name="risk")(both))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    words = r.integers(0, 50, (64, 12)).astype("int32")
    numbers = r.normal(size=(64, 8)).astype("float32")
    y = numbers[:, :1] + (words.mean(axis=1, keepdims=True) - 25) / 10
    return {"words": words, "numbers": numbers}, y.astype("float32")
