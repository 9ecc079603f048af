# after keras-team/keras#1874
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    start = keras.initializers.RandomUniform(0.0, 0.3)
    h = layers.Dense(
        12, "relu", kernel_initializer=start, kernel_constraint="non_neg", name="rising"
    )(inputs)
    out = layers.Dense(
        1, "relu", kernel_initializer=start, kernel_constraint="non_neg", name="count"
    )(h)
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).uniform(0, 1, size=(64, 8)).astype("float32")
    return x, np.maximum(x.sum(axis=1, keepdims=True) - 2, 0).astype("float32")
