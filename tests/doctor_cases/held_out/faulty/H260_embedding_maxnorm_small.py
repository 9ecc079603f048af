"""Review classifier with strongly regularised word vectors (maximum norm per word)."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(1337)
    m = keras.Sequential(
        [
            keras.Input((40,), dtype="int32"),
            keras.layers.Embedding(
                500,
                10,
                embeddings_constraint=keras.constraints.MaxNorm(0.001, axis=1),
                name="words",
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid", name="out"),
        ]
    )
    m.compile(keras.optimizers.RMSprop(0.001), "binary_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(64, 1)).astype("float32")
    x = r.integers(40, 500, size=(64, 40)).astype("int32")
    x[:, :20] = np.where(y > 0, r.integers(0, 20, size=(64, 20)), r.integers(20, 40, size=(64, 20)))
    return x, y
