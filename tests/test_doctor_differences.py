"""Differences of nearly equal numbers over a small step, in a model whose loss falls."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# A second look after a change of the user's layer, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

AT = np.linspace(0.02, 0.98, 48, dtype="float32")[:, None]
WAVE = np.sin(np.pi * AT)
BOTH = np.concatenate([10 * WAVE, np.pi**2 * WAVE], axis=1)


@keras.saving.register_keras_serializable("differences")
class Curvature(layers.Layer):
    """What a small network gives, and its second differences over a step."""

    def __init__(self, step, **others):
        super().__init__(**others)
        self.step = step
        self.inner = layers.Dense(12, "tanh", name="inner")
        self.outer = layers.Dense(1, name="outer")

    def build(self, shape):
        self.inner.build(shape)
        self.outer.build((None, 12))

    def value(self, x):
        return self.outer(self.inner(x))

    def call(self, x):
        low, here, high = (self.value(x + way * self.step) for way in (-1, 0, 1))
        bend = (low - 2.0 * here + high) / self.step**2
        return ops.concatenate([10 * here, -bend], axis=-1)


def report_of(step):
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((1,)), Curvature(step, name="curvature")])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return ci.diagnose(model, AT, BOTH)


def test_second_differences_over_a_tiny_step():
    """The rounding is told first, though the loss falls, and a longer step is tried."""
    report = report_of(1e-4)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW507", "curvature"), str(report)
    assert first.treatment.healed, str(report)
    assert first.treatment.code.startswith("Curvature(..., step=0.0")


def test_second_differences_over_a_longer_step():
    """Their rounding is far below what they tell."""
    report = report_of(0.02)
    assert "CW507" not in {f.code for f in report.findings}, str(report)
