# adapted from keras-team/keras#2586, #1061, tonyduan/mixture-density-network#4
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case25")
def gmm_nll(y, p):
    mu, s, pi = p[:, :3], ops.exp(p[:, 3:6]), ops.softmax(p[:, 6:])
    dens = pi * ops.exp(-0.5 * ops.square((y - mu) / s)) / (s * 2.5066)
    return -ops.log(ops.sum(dens, axis=-1))


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(9, name="mdn"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), gmm_nll)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (30 + 5 * x[:, :1]).astype("float32")
    return x, y
