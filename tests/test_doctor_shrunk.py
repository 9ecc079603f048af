"""Free weights whose size takes what a logarithm is taken of below zero."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


class Bend(layers.Layer):
    """A step of a flow, with the logarithm of its slope, which has to be positive."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, shape):
        width = shape[0][-1]
        self.along = self.add_weight(
            shape=(width,), initializer=lambda *_, **__: self.size * ops.ones((width,)), name="w"
        )
        self.by = self.add_weight(
            shape=(width,), initializer=lambda *_, **__: -self.size * ops.ones((width,)), name="u"
        )

    def call(self, inputs):
        z, total = inputs
        t = ops.tanh(ops.sum(z * self.along, axis=-1, keepdims=True))
        slope = 1.0 + (1.0 - ops.square(t)) * ops.sum(self.along * self.by)
        return z + self.by * t, total + ops.log(slope)


def of_mean(_, y):
    return ops.mean(y)


def flow(size, sign=-1):
    keras.utils.set_random_seed(0)
    x = keras.Input((2,))
    z, total = x, layers.Lambda(lambda v: 0.0 * v[:, :1])(x)
    for _ in range(3):
        z, total = Bend(size)([z, total])
    out = layers.Lambda(lambda p: ops.sum(p[0] ** 2, -1, keepdims=True) / 2 + sign * p[1])(
        [z, total]
    )
    model = keras.Model(x, out)
    model.compile(keras.optimizers.Adam(0.02), of_mean)
    given = 2 * np.random.default_rng(0).normal(size=(128, 2)).astype("float32")
    return ci.diagnose(model, given, np.zeros((128, 1), "float32"))


def test_a_slope_below_zero():
    """What has to hold is told with its number, and smaller weights are tried."""
    report = flow(1.0)
    first = report.findings[0]
    assert first.code == "CW401", str(report)
    assert "goes down to -1" in first.fix
    assert "has to stay above 0" in first.fix
    assert first.treatment.healed, str(report)
    assert "times the size for" in first.treatment.change


def test_a_slope_above_zero():
    """Nothing is said of a flow whose slopes stay positive."""
    assert flow(0.3).ok


def test_a_slope_that_training_takes_below_zero():
    """Where a smaller start does not last, the norms are bounded so that it stays positive."""
    first = flow(1.0, sign=1).findings[0]
    assert first.code == "CW401"
    assert first.treatment.healed, first.treatment.change
    assert "and no larger norm than" in first.treatment.change
    assert "ci.MaxNorm(radius=" in first.treatment.code
