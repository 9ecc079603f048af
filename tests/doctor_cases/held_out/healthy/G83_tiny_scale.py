"""Film thickness in millimetre, predicted with its uncertainty."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="coating")
class Ceiling(keras.constraints.Constraint):
    def __init__(self, high):
        self.high = high

    def __call__(self, w):
        return ops.minimum(w, self.high)

    def get_config(self):
        return {"high": self.high}


@keras.saving.register_keras_serializable(package="coating")
class ThicknessHead(keras.layers.Layer):
    """Mean in units of a micrometre, log-sigma in natural units, bounded above."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.w_mean = self.add_weight(shape=(n, 1), initializer="zeros", name="w_mean")
        self.b_mean = self.add_weight(shape=(1,), initializer="zeros", name="b_mean")
        self.log_sigma = self.add_weight(
            shape=(1,),
            initializer=keras.initializers.Constant(-5.0),
            constraint=Ceiling(-3.0),
            name="log_sigma",
        )

    def call(self, h):
        mean = 1e-3 * (ops.matmul(h, self.w_mean) + self.b_mean)
        return ops.concatenate([mean, ops.zeros_like(mean) + self.log_sigma], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


@keras.saving.register_keras_serializable(package="coating")
def nll(y_true, y_pred):
    mean, log_sigma = y_pred[:, :1], y_pred[:, 1:]
    return ops.mean(0.5 * ops.square((y_true - mean) * ops.exp(-log_sigma)) + log_sigma, axis=-1)


def make_model():
    keras.utils.set_random_seed(33)
    process = keras.Input((4,), name="process")
    h = keras.layers.Dense(24, activation="relu", name="physics")(process)
    model = keras.Model(process, ThicknessHead(name="thickness")(h), name="coating_line")
    model.compile(optimizer=keras.optimizers.Adam(2e-2), loss=nll)
    return model


def make_batch():
    rng = np.random.default_rng(33)
    x = rng.normal(size=(256, 4)).astype("float32")
    um = 4.0 + 1.5 * x[:, 0] - 1.0 * x[:, 1] + 0.8 * np.abs(x[:, 2]) + 0.2 * rng.normal(size=256)
    return x, (1e-3 * um)[:, None].astype("float32")
