# after tensorflow/tensorflow#26061, rstudio/keras3#381
import keras
import numpy as np
from keras import layers, ops


def make_model():
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(0.0, 0.5)
    inputs = keras.Input((8,))
    h = layers.Dense(
        12,
        activation="softplus",
        kernel_initializer=start,
        kernel_constraint=lambda w: ops.maximum(w, 0.0),
        name="additive",
    )(inputs)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
