# after rstudio/keras3#418, niklasnolte/MonotonicNetworks#9
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    start = keras.initializers.RandomUniform(0.0, 0.4)
    h = layers.Dense(
        12, "relu", kernel_initializer=start, kernel_constraint="non_neg", name="up_1"
    )(inputs)
    out = layers.Dense(
        1, use_bias=False, kernel_initializer=start, kernel_constraint="non_neg", name="up_2"
    )(h)
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.Adam(0.01), "mae")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 6)).astype("float32")
    return x, np.minimum(x.sum(axis=1, keepdims=True) - 4, -0.5).astype("float32")
