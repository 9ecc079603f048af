"""Additive risk score: every factor may only raise the score (non-negative effects)."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b07")
class RiskScore(keras.layers.Layer):
    def __init__(
        self, units=1, kernel_initializer="glorot_uniform", kernel_constraint=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return ops.matmul(x, self.kernel) + self.bias

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def make_model():
    keras.utils.set_random_seed(7)
    m = keras.Sequential(
        [
            keras.Input((6,)),
            RiskScore(
                1,
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.3),
                kernel_constraint="non_neg",
                name="risk",
            ),
            keras.layers.Activation("sigmoid"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(size=(128, 6)).astype("float32")
    s = x @ np.array([2.0, 1.0, 0.5, 0.0, -1.0, -2.0]) - 0.3
    y = (s + 0.3 * r.normal(size=128) > 0).astype("float32")[:, None]
    return x, y
