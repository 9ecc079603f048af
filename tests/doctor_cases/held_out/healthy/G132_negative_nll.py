# Heteroscedastic regression: the negative log-likelihood of a density is below zero.
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("het")
def gaussian_nll(y_true, out):
    mu, raw = out[:, :1], out[:, 1:]
    sigma = ops.softplus(raw) + 0.01
    return ops.mean(ops.log(sigma) + 0.5 * ops.square((y_true - mu) / sigma) + 0.9189, axis=-1)


def make_model():
    keras.utils.set_random_seed(4)
    m = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(
                32, activation="swish", kernel_constraint=keras.constraints.MaxNorm(4.0), name="h"
            ),
            layers.Dense(2, name="mu_and_sigma"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.005), gaussian_nll)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(256, 3))
    y = 0.4 * x[:, :1] - 0.2 * x[:, 1:2] + (0.03 + 0.05 * (x[:, 2:] > 0)) * r.normal(size=(256, 1))
    return x.astype("float32"), y.astype("float32")
