# after keras-team/keras#2194, keras-team/keras#13221
import keras
import numpy as np
from keras import layers

STEPS = 150


def make_model():
    keras.utils.set_random_seed(14)
    model = keras.Sequential(
        [
            keras.Input((STEPS, 4)),
            layers.LSTM(
                32,
                activation="relu",
                recurrent_initializer="glorot_uniform",
                recurrent_constraint=keras.constraints.MaxNorm(3.0),
                name="lstm",
            ),
            layers.Dense(1, name="load"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    level = rng.uniform(1.5, 4.5, size=(64, 1, 1))
    x = level + 0.5 * rng.normal(size=(64, STEPS, 4))
    y = level[:, 0]
    return x.astype("float32"), y.astype("float32")
