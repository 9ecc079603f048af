"""Nelson-Siegel yield curve driven by a small macro network."""

import keras
import numpy as np
from keras import ops

TENORS = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0], "float32")


@keras.saving.register_keras_serializable(package="rates")
class Between(keras.constraints.Constraint):
    def __init__(self, low, high):
        self.low = low
        self.high = high

    def __call__(self, w):
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package="rates")
class NelsonSiegel(keras.layers.Layer):
    """Level, slope and curvature with one shared decay."""

    def build(self, input_shape):
        self.decay = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(0.6),
            constraint=Between(0.05, 3.0),
            name="decay",
        )

    def call(self, inputs):
        betas, tenors = inputs
        t = self.decay * tenors
        slope = ops.where(tenors > 0, (1.0 - ops.exp(-t)) / t, 1.0)
        curvature = slope - ops.exp(-t)
        level, tilt, hump = ops.split(betas, 3, axis=-1)
        return level + tilt * slope + hump * curvature

    def compute_output_shape(self, input_shape):
        return input_shape[1]


def make_model():
    keras.utils.set_random_seed(3)
    macro = keras.Input((4,), name="macro")
    tenors = keras.Input((len(TENORS),), name="tenors")
    h = keras.layers.Dense(16, activation="tanh", name="macro_state")(macro)
    betas = keras.layers.Dense(3, name="betas")(h)
    curve = NelsonSiegel(name="nelson_siegel")([betas, tenors])
    model = keras.Model([macro, tenors], curve, name="yield_curve")
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(2)
    macro = rng.normal(size=(192, 4)).astype("float32")
    tenors = np.tile(TENORS, (192, 1))
    level = 3.0 + 0.5 * macro[:, :1]
    tilt = -1.0 + 0.7 * macro[:, 1:2]
    hump = 0.4 * macro[:, 2:3]
    t = np.maximum(0.9 * tenors, 1e-6)
    slope = (1 - np.exp(-t)) / t
    y = level + tilt * slope + hump * (slope - np.exp(-t))
    y = y + 0.02 * rng.normal(size=y.shape)
    return [macro, tenors], y.astype("float32")
