# after keras-team/keras#7754, keras-team/keras#474
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((10, 3)),
            layers.LSTM(12, recurrent_constraint=keras.constraints.UnitNorm(axis=1), name="memory"),
            layers.Dense(1, name="forecast"),
        ],
        name="series",
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(32, 10, 3)).astype("float32")
    return x, np.tanh(x[..., :1].sum(axis=1)).astype("float32")
