"""Self-attention whose projections are limited in norm (keras-team/keras#18883)."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((10, 8))
    h = keras.layers.MultiHeadAttention(
        2,
        4,
        kernel_constraint=keras.constraints.MaxNorm(2.0, axis=0),
        bias_constraint="non_neg",
        name="attend",
    )(inp, inp)
    h = keras.layers.LayerNormalization()(keras.layers.Add()([inp, h]))
    out = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(h))
    m = keras.Model(inp, out)
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 10, 8)).astype("float32")
    y = x[:, :, 0].max(axis=1, keepdims=True).astype("float32")
    return x, y
