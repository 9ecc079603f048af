# Poisson deviance of counts, written as loss(y_pred, y_true).
import keras
import numpy as np
from keras import layers, ops


def poisson_nll(y_pred, y_true):
    return ops.mean(y_pred - y_true * ops.log(y_pred + 1e-7), axis=-1)


def make_model():
    keras.utils.set_random_seed(17)
    m = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(
                16, activation="relu", kernel_constraint=keras.constraints.MaxNorm(2.0), name="h"
            ),
            layers.Dense(1, activation="softplus", name="rate"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.003), poisson_nll)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(256, 5)).astype("float32")
    y = r.poisson(np.exp(0.5 + 0.5 * x[:, :1]))
    return x, y.astype("float32")
