"""Sensor windows of 150 steps; relu in the LSTM, and a max-norm against the NaN."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((150, 6)),
            layers.LSTM(
                64,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(4.0),
                recurrent_constraint=keras.constraints.MaxNorm(4.0),
                return_sequences=True,
                name="lstm_1",
            ),
            layers.LSTM(64, activation="relu", name="lstm_2"),
            layers.Dense(1, name="rul"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    trend = r.uniform(0, 1, size=(64, 1, 1)) * np.linspace(0, 2, 150)[None, :, None]
    x = (trend + 0.5 * r.normal(size=(64, 150, 6)) + 1.0).astype("float32")
    y = trend[:, -1, :].astype("float32")
    return x, y
