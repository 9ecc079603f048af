"""Monotone credit score, adapted to a new region with a low-rank update."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="credit")
class MonotoneLoRADense(keras.layers.Layer):
    """Dense layer whose kernel is pretrained and non-negative; a rank-r update is trained."""

    def __init__(self, units, rank=2, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.rank = rank
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomUniform(0.0, 0.4, seed=5),
            constraint=keras.constraints.NonNeg(),
            trainable=False,
            name="kernel",
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.lora_a = self.add_weight(
            shape=(input_shape[-1], self.rank), initializer="he_uniform", name="lora_a"
        )
        self.lora_b = self.add_weight(
            shape=(self.rank, self.units), initializer="zeros", name="lora_b"
        )

    def call(self, x):
        kernel = self.kernel + ops.matmul(self.lora_a, self.lora_b)
        return self.activation(ops.matmul(x, kernel) + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "rank": self.rank,
            "activation": keras.activations.serialize(self.activation),
        }


def make_model():
    keras.utils.set_random_seed(8)
    model = keras.Sequential(
        [
            keras.Input((5,), name="applicant"),
            MonotoneLoRADense(12, activation="tanh", name="monotone_1"),
            MonotoneLoRADense(1, activation="sigmoid", name="score"),
        ],
        name="monotone_score",
    )
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy")
    return model


def make_batch():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(256, 5)).astype("float32")
    # income, tenure, savings, repayments, postcode index
    logit = 1.2 * x[:, 0] + 0.8 * x[:, 1] + 0.6 * x[:, 2] + 1.0 * x[:, 3] - 0.9 * x[:, 4]
    y = (rng.uniform(size=256) < 1 / (1 + np.exp(-logit))).astype("float32")
    return x, y[:, None]
