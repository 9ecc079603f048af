"""Masked autoregressive density estimator for turbine telemetry."""

import math

import keras
import numpy as np
from keras import ops

N_SENSORS = 6


@keras.saving.register_keras_serializable(package="telemetry")
class Autoregressive(keras.constraints.Constraint):
    """Keeps only connections from earlier sensors to later ones."""

    def __init__(self, n_vars, strict=False):
        self.n_vars = n_vars
        self.strict = strict
        self._mask = None

    def _degrees(self, width):
        if width == self.n_vars:
            return np.arange(self.n_vars) + 1
        return np.arange(width) % (self.n_vars - 1) + 1

    def _build_mask(self, shape):
        d_in = self._degrees(shape[0])[:, None]
        if self.strict:
            d_out = np.tile(np.arange(self.n_vars) + 1, shape[1] // self.n_vars)[None]
            return (d_out > d_in).astype("float32")
        d_out = (np.arange(shape[1]) % (self.n_vars - 1) + 1)[None]
        return (d_out >= d_in).astype("float32")

    def __call__(self, w):
        if self._mask is None:
            self._mask = self._build_mask(tuple(w.shape))
        return w * ops.convert_to_tensor(self._mask, dtype=w.dtype)

    def get_config(self):
        return {"n_vars": self.n_vars, "strict": self.strict}


@keras.saving.register_keras_serializable(package="telemetry")
def gaussian_nll(y_true, params):
    loc, log_scale = ops.split(params, 2, axis=-1)
    log_scale = ops.clip(log_scale, -5.0, 5.0)
    z = (y_true - loc) * ops.exp(-log_scale)
    return ops.mean(0.5 * z * z + log_scale + 0.5 * math.log(2 * math.pi), axis=-1)


def make_model():
    keras.utils.set_random_seed(4)
    causal = Autoregressive(N_SENSORS)
    readings = keras.Input((N_SENSORS,), name="readings")
    h = keras.layers.Dense(20, activation="elu", kernel_constraint=causal, name="made_1")(readings)
    h = keras.layers.Dense(20, activation="elu", kernel_constraint=causal, name="made_2")(h)
    params = keras.layers.Dense(
        2 * N_SENSORS,
        kernel_constraint=Autoregressive(N_SENSORS, strict=True),
        name="loc_and_scale",
    )(h)
    model = keras.Model(readings, params, name="turbine_made")
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=gaussian_nll)
    return model


def make_batch():
    rng = np.random.default_rng(0)
    x = np.zeros((256, N_SENSORS), "float32")
    x[:, 0] = rng.normal(size=256)
    for j in range(1, N_SENSORS):
        x[:, j] = 0.8 * x[:, j - 1] + 0.4 * rng.normal(size=256)
    return x, x.copy()
