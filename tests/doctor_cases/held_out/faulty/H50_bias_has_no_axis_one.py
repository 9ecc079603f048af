# after keras-team/keras#14954, ageron/handson-ml3#76
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    limit = keras.constraints.MaxNorm(2.0, axis=1)
    inner = keras.Sequential(
        [layers.Dense(10, "relu", kernel_constraint=limit, bias_constraint=limit, name="limited")],
        name="inner",
    )
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dense(1)(inner(inputs)))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
