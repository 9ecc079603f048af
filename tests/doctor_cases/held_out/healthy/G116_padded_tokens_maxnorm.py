"""Text classifier with padded sequences, and words of which many are in no batch."""

import keras
import numpy as np


@keras.saving.register_keras_serializable("padzero")
def pad_zero(shape, dtype=None):
    w = keras.random.uniform(shape, -0.05, 0.05, dtype=dtype, seed=5)
    return w * keras.ops.cast(keras.ops.arange(shape[0]) > 0, w.dtype)[:, None]


def make_model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    m = keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(
                1000,
                16,
                mask_zero=True,
                embeddings_initializer=pad_zero,
                embeddings_constraint=keras.constraints.MaxNorm(1.0, axis=1),
                name="words",
            ),
            layers.LSTM(16, recurrent_constraint=keras.constraints.MaxNorm(3.0), name="lstm"),
            layers.Dense(1, activation="sigmoid", name="out"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(64, 1)).astype("float32")
    x = r.integers(20, 300, size=(64, 12)).astype("int32")
    x[:, :2] = np.where(y > 0, r.integers(1, 10, size=(64, 2)), r.integers(10, 20, size=(64, 2)))
    x[np.arange(12)[None] >= r.integers(4, 13, size=64)[:, None]] = 0
    return x, y
