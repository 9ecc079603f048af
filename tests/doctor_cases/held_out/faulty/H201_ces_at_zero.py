"""CES production function: output of plants from capital, labour and energy."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="econ")
class Clamp(keras.constraints.Constraint):
    def __init__(self, low, high):
        self.low = low
        self.high = high

    def __call__(self, w):
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package="econ")
class CES(keras.layers.Layer):
    """log output = log A + nu / rho * log(sum_i share_i * input_i ** rho)."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.share = self.add_weight(
            shape=(n,),
            initializer=keras.initializers.Constant(1.0 / n),
            constraint=Clamp(1e-3, 1.0),
            name="share",
        )
        self.rho = self.add_weight(
            shape=(), initializer="zeros", constraint=Clamp(-2.0, 0.95), name="rho"
        )
        self.log_tfp = self.add_weight(shape=(), initializer="zeros", name="log_tfp")
        self.nu = self.add_weight(
            shape=(), initializer="ones", constraint=Clamp(0.5, 1.5), name="nu"
        )

    def call(self, log_inputs):
        share = self.share / ops.sum(self.share)
        inner = ops.sum(share * ops.exp(self.rho * log_inputs), axis=-1, keepdims=True)
        return self.log_tfp + self.nu / self.rho * ops.log(inner)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)


def make_model():
    keras.utils.set_random_seed(5)
    log_inputs = keras.Input((3,), name="log_inputs")
    model = keras.Model(log_inputs, CES(name="ces")(log_inputs), name="plant_output")
    model.compile(optimizer=keras.optimizers.Adam(2e-2), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(256, 3)).astype("float32")
    share = np.array([0.3, 0.5, 0.2])
    rho = -0.8
    y = 0.5 + 0.9 / rho * np.log((share * np.exp(rho * x)).sum(-1, keepdims=True))
    y = y + 0.02 * rng.normal(size=y.shape)
    return x, y.astype("float32")
