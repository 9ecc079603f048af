"""Sentiment classifier whose word vectors are to live on the unit sphere."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            keras.layers.Embedding(
                300,
                16,
                embeddings_initializer="uniform",
                embeddings_constraint="unit_norm",
                name="words",
            ),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(64, 1)).astype("float32")
    x = r.integers(1, 300, size=(64, 20)).astype("int32")
    x[:, :4] = np.where(y > 0, r.integers(1, 20, size=(64, 4)), r.integers(20, 40, size=(64, 4)))
    return x, y
