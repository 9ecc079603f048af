"""Layers whose constraint is lost where they are made from their config."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).uniform(0, 1, size=(32, 4)).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_lost_constraints")
class Log(layers.Layer):
    def __init__(self, constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.constraint = keras.constraints.get(constraint)

    def build(self, shape):
        start = keras.initializers.RandomUniform(0.02, 0.1, seed=0)
        self.mix = self.add_weight(
            shape=(shape[-1], 2), initializer=start, constraint=self.constraint, name="mix"
        )

    def call(self, x):
        return ops.log(1e-3 + ops.matmul(x, self.mix))

    def get_config(self):
        return super().get_config()


@pytest.mark.parametrize("rate", [0.1, 1e-5])
def test_a_clone_has_lost_the_constraint(rate):
    """It is the cause of the NaN, and a warning as long as there is none."""
    keras.utils.set_random_seed(0)
    # Where both logarithms are to be small, the weights go down.
    last = layers.Dense(1, kernel_initializer="ones")
    first = keras.Sequential([keras.Input((4,)), Log("non_neg", name="log"), last])
    model = keras.models.clone_model(first)
    model.compile(keras.optimizers.Adam(rate), "mse")
    report = ci.diagnose(model, X, -9.0 * np.ones((32, 1), "float32"))
    [found] = [f for f in report.findings if f.code == "CW705"]
    assert found.level == ("error" if rate == 0.1 else "warning")
    assert "constraint" in found.message
    assert found.weight.endswith("log/mix")
    broken = [f for f in report.findings if f.code == "CW401"]
    assert all(f.cause.startswith("CW705") for f in broken)
