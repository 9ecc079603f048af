"""Roundings of which nothing is left, and bounds that training is not under way to."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(3, 8))
KINDS = RNG.integers(0, 3, 96)
X = (CENTRES[KINDS] + 0.3 * RNG.normal(size=(96, 8))).astype("float32")


@keras.saving.register_keras_serializable("rounded_away")
class Rounded(layers.Layer):
    """Kernels in steps of a size that is learnt, by itself or by its logarithm."""

    def __init__(self, units, start, activation=None, logarithm=False, **others):
        super().__init__(**others)
        self.units, self.start, self.logarithm = units, start, logarithm
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        start = keras.initializers.Constant(np.log(self.start) if self.logarithm else self.start)
        bound = None if self.logarithm else "non_neg"
        self.step = self.add_weight(shape=(), initializer=start, constraint=bound, name="step")

    def call(self, x):
        step = ops.exp(self.step) if self.logarithm else self.step
        level = ops.clip(self.kernel / step, -8.0, 7.0)
        level = level + ops.stop_gradient(ops.round(level) - level)
        return self.activation(ops.matmul(x, level * step))


@keras.saving.register_keras_serializable("rounded_away")
class Levels(layers.Layer):
    """Signals at four levels, up to one that is learnt."""

    def build(self, shape):
        start = keras.initializers.Constant(6.0)
        held = {
            "constraint": keras.constraints.NonNeg(),
            "regularizer": keras.regularizers.L2(1e-3),
        }
        self.top = self.add_weight(shape=(), initializer=start, name="top", **held)

    def call(self, x):
        y = ops.minimum(ops.relu(x), self.top)
        return y + ops.stop_gradient(ops.round(3.0 * y / self.top) * self.top / 3.0 - y)


def report_of(*parts, rate=0.01):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), *parts])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    return ci.diagnose(model, X, KINDS)


@pytest.mark.parametrize("logarithm", [False, True])
def test_steps_that_are_wider_than_the_kernels(logarithm):
    """The rounding is named, and the step starts at what its kernel needs; no bound is blamed."""
    rounded = Rounded(16, 2.0, "relu", logarithm, name="rounded")
    report = report_of(rounded, Rounded(3, 2.0, logarithm=logarithm, name="kinds"))
    first = report.findings[0]
    assert (first.code, first.weight.split("/")[-2:]) == ("CW405", ["rounded", "step"]), str(report)
    assert "rounding in line" in first.message
    assert "ops.round(level)" in first.source.text
    assert first.treatment.healed, str(report)
    assert ("minus" if logarithm else "divided by") in first.treatment.change
    assert [f.code for f in report.findings if f.counts and not f.cause] == ["CW405"]


HEALTHY = {
    "steps within the kernels": (Rounded(16, 0.1, "relu", True), Rounded(3, 0.1, logarithm=True)),
    "levels far from zero": (
        layers.Dense(16),
        layers.BatchNormalization(),
        Levels(),
        layers.Dense(3),
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_left_of_a_rounding_and_far_from_a_bound(name):
    """A divisor that may be zero, and that training is not under way to, is a note."""
    report = report_of(*HEALTHY[name], rate=0.01)
    assert report.ok, str(report)


def test_a_bound_that_training_is_under_way_to():
    """It stays a warning: the steps are a tenth of the way and more."""
    report = report_of(layers.Dense(16), Levels(), layers.Dense(3), rate=0.1)
    bound = [f for f in report.findings if f.code == "CW302"]
    assert [f.level for f in bound] == ["warning"], str(report)
