"""Biases of own layers that start so far below zero that nothing comes through."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


@keras.saving.register_keras_serializable("test_doctor_biases_of_zero")
class Thresholded(layers.Layer):
    """What is left of the sizes of products above a threshold."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 8), name="w")
        start = keras.initializers.Constant(-9.0)
        self.bias = self.add_weight(shape=(8,), initializer=start, name="bias")

    def call(self, x):
        return ops.relu(ops.abs(ops.matmul(x, self.w)) + self.bias)


def test_a_bias_that_shuts_all_units_starts_at_zero():
    """That is tried before kernels that are wider."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), Thresholded(name="own"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    report = ci.diagnose(model, x, np.abs(x[:, :1]) + 0.5)
    treatment = report.findings[0].treatment
    assert treatment is not None, str(report)
    assert treatment.healed, str(report)
    assert treatment.change.endswith("own/bias starts at zero in place of -9")
