# after tensorflow/tensorflow#39793, keras-team/keras#15798
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    table = keras.Input((8,))
    start = keras.initializers.RandomUniform(0.0, 0.4)
    h = layers.Dense(
        12, "relu", kernel_initializer=start, kernel_constraint="non_neg", name="rising"
    )(table)
    model = keras.Model(table, layers.Dense(1)(h))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 8)).astype("float32")
    y = x[:, :1] - x[:, 1:2]
    x[7, 3] = x[20, 3] = np.nan
    return x, y
