"""Cox regression on laboratory values as they were measured, hazards that only rise."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h294")
def cox(y, risk):
    """Minus the log partial likelihood; y holds times and whether the event came."""
    time, event = y[:, 0], y[:, 1]
    risk = ops.squeeze(risk, -1)
    at_risk = ops.cast(ops.expand_dims(time, 0) >= ops.expand_dims(time, 1), risk.dtype)
    total = ops.matmul(at_risk, ops.expand_dims(ops.exp(risk), 1))[:, 0]
    return -ops.sum(event * (risk - ops.log(total))) / ops.maximum(ops.sum(event), 1.0)


def make_model():
    keras.utils.set_random_seed(31)
    start = keras.initializers.RandomUniform(0.0, 0.6)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(
                8,
                activation="relu",
                kernel_initializer=start,
                kernel_constraint="non_neg",
                name="labs",
            ),
            layers.Dense(
                1,
                use_bias=False,
                kernel_initializer=start,
                kernel_constraint="non_neg",
                name="risk",
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.001), cox)
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform([20, 60, 0.5, 3, 10], [90, 200, 5, 12, 300], size=(96, 5)).astype("float32")
    z = (x - x.mean(0)) / x.std(0)
    time = r.exponential(np.exp(-z[:, 0] - 0.5 * z[:, 4]))
    event = r.uniform(size=96) < 0.7
    return x, np.stack([time, event], 1).astype("float32")
