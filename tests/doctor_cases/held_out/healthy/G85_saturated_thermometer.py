"""Index tracking: long-only portfolio beside a saturated regime code."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="funds")
class SimplexProjection(keras.constraints.Constraint):
    """Euclidean projection of each column onto the probability simplex."""

    def __call__(self, w):
        n = w.shape[0]
        u = ops.flip(ops.sort(w, axis=0), axis=0)
        k = ops.reshape(ops.arange(1, n + 1, dtype=w.dtype), (n, 1))
        excess = (ops.cumsum(u, axis=0) - 1.0) / k
        rho = ops.sum(ops.cast(u > excess, "int32"), axis=0, keepdims=True) - 1
        theta = ops.take_along_axis(excess, rho, axis=0)
        return ops.maximum(w - theta, 0.0)


@keras.saving.register_keras_serializable(package="funds")
class Thermometer(keras.layers.Layer):
    """Steep code of the volatility index; thresholds stay as they are."""

    def __init__(self, thresholds, steepness=80.0, **kwargs):
        super().__init__(**kwargs)
        self.thresholds = list(thresholds)
        self.steepness = steepness

    def call(self, x):
        return ops.tanh(self.steepness * (x - ops.convert_to_tensor(self.thresholds, "float32")))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], len(self.thresholds))

    def get_config(self):
        return {**super().get_config(), "thresholds": self.thresholds, "steepness": self.steepness}


def make_model():
    keras.utils.set_random_seed(35)
    returns = keras.Input((10,), name="returns")
    vol = keras.Input((1,), name="volatility")
    held = keras.layers.Dense(
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(0.1),
        kernel_constraint=SimplexProjection(),
        name="holdings",
    )(returns)
    code = Thermometer([0.1, 0.2, 0.3, 0.4], name="regime_code")(vol)
    premium = keras.layers.Dense(1, kernel_initializer="zeros", name="premium")(code)
    out = keras.layers.Add(name="index_return")([held, premium])
    model = keras.Model([returns, vol], out, name="index_tracker")
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(35)
    r = rng.normal(size=(256, 10)).astype("float32")
    vol = rng.uniform(0.05, 0.5, size=(256, 1)).astype("float32")
    w = np.array([0.4, 0.3, 0.2, 0.1, 0, 0, 0, 0, 0, 0])
    y = r @ w[:, None] + np.where(vol > 0.3, -0.4, 0.2) + 0.05 * rng.normal(size=(256, 1))
    return [r, vol], y.astype("float32")
