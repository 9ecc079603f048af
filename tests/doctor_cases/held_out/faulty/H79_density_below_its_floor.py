# after keras-team/keras#12423
import math

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("density")
def likelihood(y_true, y_pred):
    mu, sigma = y_pred[:, :1], ops.exp(y_pred[:, 1:])
    result = (y_true - mu) * (1.0 / (sigma + 1e-8))
    result = ops.exp(-ops.square(result) / 2.0) / (math.sqrt(2 * math.pi) * (sigma + 1e-8))
    return ops.mean(-ops.log(result + 1e-8))


def make_model():
    keras.utils.set_random_seed(13)
    model = keras.Sequential(
        [
            keras.Input((6, 3)),
            layers.LSTM(16),
            layers.Dense(2, name="mu_and_log_sigma"),
        ]
    )
    model.compile("rmsprop", likelihood)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(32, 6, 3)).astype("float32")
    return x, 40 + 5 * x[:, -1, :1]
