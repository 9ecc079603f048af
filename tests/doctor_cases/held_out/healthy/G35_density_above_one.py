# after https://arxiv.org/abs/2006.13070
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("sigma")
def log_density(y, parameters):
    """Minus the logarithm of a normal density; below zero where that is narrow."""
    mean, log_sigma = ops.split(parameters, 2, axis=-1)
    log_sigma = -6.0 + ops.softplus(log_sigma + 6.0)
    return ops.mean(log_sigma + 0.5 * ops.square((y - mean) * ops.exp(-log_sigma)))


def make_model():
    keras.utils.set_random_seed(7)
    x = keras.Input((10,))
    h = layers.Dense(48, activation="tanh")(x)
    h = layers.Dense(48, activation="tanh")(h)
    model = keras.Model(x, layers.Dense(8)(h))
    model.compile(keras.optimizers.Adam(2e-3), log_density)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(128, 10)).astype("float32")
    y = 0.05 * np.tanh(x[:, :4]) + 0.01 * rng.normal(size=(128, 4))
    return x, y.astype("float32")
