# after OverLordGoldDragon/keras-adamw#52
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(
        16, activation="gelu", kernel_constraint=keras.constraints.MaxNorm(3.0), name="dense"
    )(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="head")(h))
    model.compile(keras.optimizers.Adam(2e-4), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
