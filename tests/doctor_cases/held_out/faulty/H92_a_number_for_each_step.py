# after keras-team/keras#4870
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(9)
    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            layers.LSTM(32, return_sequences=True),
            layers.LSTM(32, return_sequences=True, name="last_lstm"),
            layers.Dense(1, name="price"),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 20, 3)).astype("float32")
    return x, x[:, -5:].sum(axis=(1, 2))[:, None] * 0.3
