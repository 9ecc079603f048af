# after pytorch/pytorch#1274
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(16, activation="relu", kernel_constraint=keras.constraints.MaxNorm(4.0))(
        inputs
    )
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.SGD(0.5, clipnorm=0.1), keras.losses.Huber())
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 8)).astype("float32")
    y = x[:, :1] * 2 - x[:, 1:2]
    y[3] = 40.0
    return x, y
