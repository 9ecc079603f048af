"""fastText-like sentiment model: the mean of the word vectors of a review (0 is padding)."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(17)
    m = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            keras.layers.Embedding(
                200,
                16,
                mask_zero=True,
                embeddings_constraint=keras.constraints.MaxNorm(2.0, axis=1),
                name="words",
            ),
            keras.layers.GlobalAveragePooling1D(name="mean"),
            keras.layers.Dense(1, activation="sigmoid", name="sentiment"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(1, 200, size=(64, 20))
    n = r.integers(0, 21, size=64)
    n[7] = 0
    x[np.arange(20)[None, :] >= n[:, None]] = 0
    y = ((x % 2 == 1).sum(1) > n / 2).astype("float32")[:, None]
    return x.astype("int32"), y
