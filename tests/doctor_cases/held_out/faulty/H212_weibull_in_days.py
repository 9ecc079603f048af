# after https://github.com/ragulpr/wtte-rnn/issues/33
"""Churn, discrete Weibull time-to-event: y[:, 0] days, y[:, 1] 1 if observed, 0 if censored."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("tte")
class WeibullParams(layers.Layer):
    def __init__(self, init_alpha=1.0, max_beta_value=5.0, **kw):
        super().__init__(**kw)
        self.init_alpha, self.max_beta_value = init_alpha, max_beta_value

    def call(self, x):
        a = self.init_alpha * ops.exp(x[:, :1])
        b = self.max_beta_value * ops.sigmoid(x[:, 1:])
        return ops.concatenate([a, b], axis=1)

    def get_config(self):
        return {
            **super().get_config(),
            "init_alpha": self.init_alpha,
            "max_beta_value": self.max_beta_value,
        }


def loglik_discrete(y, u, a, b, epsilon=1e-6):
    hazard0 = ops.power((y + epsilon) / a, b)
    hazard1 = ops.power((y + 1.0) / a, b)
    return u * ops.log(ops.exp(hazard1 - hazard0) - (1.0 - epsilon)) - hazard1


@keras.saving.register_keras_serializable("tte")
def weibull_loss(y_true, y_pred):
    return -loglik_discrete(y_true[:, 0], y_true[:, 1], y_pred[:, 0], y_pred[:, 1])


def make_model():
    keras.utils.set_random_seed(8)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(2.0)),
            layers.Dense(2, name="params"),
            WeibullParams(name="weibull"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=weibull_loss)
    return model


def make_batch():
    rng = np.random.default_rng(4)
    n = 2000
    x = rng.normal(size=(n, 6))
    alpha = 130.0 * np.exp(0.4 * x[:, 0] - 0.3 * x[:, 1])
    t = np.floor(alpha * rng.weibull(1.6, n))
    c = rng.uniform(50, 400, n)
    y = np.stack([np.minimum(t, np.floor(c)), t <= c], 1)
    return x.astype("float32"), y.astype("float32")
