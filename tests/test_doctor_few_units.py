"""Layers of which most units are dead: whether that is a fault is told by what the loss does."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.uniform(-1, 1, size=(256, 3)).astype("float32")
Y = (np.sin(4 * X[:, :1]) + X[:, 1:2] ** 2 - np.abs(X[:, 2:3])).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_few_units")
class ExU(layers.Layer):
    """Units with the exponential of their weights, as of a neural additive model."""

    def build(self, shape):
        large = keras.initializers.TruncatedNormal(4.0, 0.5, seed=1)
        apart = keras.initializers.TruncatedNormal(0.0, 0.5, seed=2)
        self.w = self.add_weight(name="w", shape=(shape[-1], 32), initializer=large)
        self.b = self.add_weight(name="b", shape=(shape[-1],), initializer=apart)
        self.built = True

    def call(self, x):
        return ops.matmul(x - self.b, ops.exp(self.w))


def biases(dead):
    """Of sixteen units some that are dead, and the others not."""

    def start(shape, dtype=None):
        return ops.convert_to_tensor(np.where(np.arange(16) < dead, -1e3, 0.0), dtype)

    return start


def additive():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    parts = []
    for at in range(3):
        hidden = layers.ReLU(max_value=1.0)(ExU()(inputs[:, at : at + 1]))
        hidden = layers.Dense(16, "relu", bias_initializer=biases(12))(hidden)
        parts.append(layers.Dense(1)(hidden))
    return keras.Model(inputs, layers.Add()(parts))


def plain():
    keras.utils.set_random_seed(1)
    hidden = layers.Dense(16, "relu", bias_initializer=biases(14))
    return keras.Sequential([keras.Input((3,)), hidden, layers.Dense(1)])


def dead_of(model, y):
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, y)
    found = [f for f in report.findings if f.code == "CW403"]
    assert found, "the test shows nothing"
    return found, report


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="with the draws of others it learns too little"
)
def test_few_units_that_learn():
    """An additive model that trains is not accused."""
    found, report = dead_of(additive(), Y)
    assert max(f.evidence["dead_share"] for f in found) > 2 / 3
    assert not any(f.counts for f in found), str(report)


def test_few_units_that_do_not_learn():
    """The mean of the targets may be learnt all the same."""
    waves = np.sin(9 * X[:, :1]) * np.sin(9 * X[:, 1:2]) + 3.0
    found, report = dead_of(plain(), waves.astype("float32"))
    assert found[0].counts, str(report)
