# after keras-team/keras#2880
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    steps = keras.Input((9, 3))
    h = layers.Masking(0.0)(steps)
    h = layers.LSTM(8, recurrent_constraint=keras.constraints.MaxNorm(3.0, axis=0), name="memory")(
        h
    )
    model = keras.Model(steps, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(32, 9, 3)).astype("float32")
    x[::2, 5:] = 0.0
    return x, np.tanh(x[..., :1].sum(axis=1)).astype("float32")
