# after keras-team/keras#19263, keras-team/keras-io#2193
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    start = keras.initializers.RandomUniform(0.0, 0.5)
    h = layers.Dense(
        16, "relu", kernel_initializer=start, kernel_constraint="non_neg", name="monotone"
    )(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="out")(h))
    model.quantize("int8")
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
