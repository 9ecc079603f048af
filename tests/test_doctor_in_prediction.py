"""Layers of the user's own that compute something else in prediction, and those that may."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the phase changes is which line of the user's runs.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = (3.0 * RNG.normal(size=(96, 6)) + 2.0).astype("float32")
Y = X[:, :1] + X[:, 1:2]


class Unit(layers.Dense):
    """Kernels of norm one."""

    def call(self, x, training=False):
        w = self.kernel
        if training:
            w = w / ops.norm(w, axis=0)
        return ops.matmul(x, w) + self.bias


class Positive(layers.Dense):
    """A kernel without negative entries."""

    def call(self, x, training=False):
        w = ops.abs(self.kernel) if training else self.kernel
        return ops.matmul(x, w) + self.bias


class Standard(layers.Layer):
    """Statistics of the batch in training, and moving ones in prediction."""

    def __init__(self, momentum=0.9, noted=True, **others):
        super().__init__(**others)
        self.momentum, self.noted = momentum, noted

    def build(self, shape):
        size = shape[-1:]
        self.mean = self.add_weight(size, "zeros", trainable=False, name="mean")
        self.variance = self.add_weight(size, "ones", trainable=False, name="variance")

    def call(self, x, training=False):
        if not training:
            return (x - self.mean) / ops.sqrt(self.variance + 1e-3)
        mean, variance = ops.moments(x, axes=0)
        if self.noted:
            self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * mean)
            new = self.momentum * self.variance + (1 - self.momentum) * variance
            self.variance.assign(new)
        return (x - mean) / ops.sqrt(variance + 1e-3)


class Drops(layers.Layer):
    """Zeros in a tenth of the places, in training."""

    def __init__(self, scaled=True, **others):
        super().__init__(**others)
        self.scaled, self.draws = scaled, keras.random.SeedGenerator(3)

    def call(self, x, training=False):
        if not training:
            return x
        kept = keras.random.uniform(ops.shape(x), seed=self.draws) < 0.9
        return x * ops.cast(kept, x.dtype) / (0.9 if self.scaled else 1.0)


class Block(layers.Layer):
    """Passes the phase on to what it holds."""

    def __init__(self, inner, **others):
        super().__init__(**others)
        self.inner = inner

    def call(self, x, training=False):
        return self.inner(x, training=training)


def report_of(*parts):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((6,)), *parts])
    model.compile(keras.optimizers.Adam(0.2), "mse")
    return ci.diagnose(model, X, Y)


def told(report):
    return [finding for finding in report.findings if finding.code == "CW418"]


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (lambda: (Unit(32, kernel_initializer="ones", name="first"), layers.Dense(1)), "first"),
        (
            lambda: (
                layers.Dense(8, "relu"),
                Positive(1, kernel_initializer=keras.initializers.Constant(-0.5), name="last"),
            ),
            "last",
        ),
        (
            lambda: (Block(Unit(32, kernel_initializer="ones", name="inner")), layers.Dense(1)),
            "inner",
        ),
    ],
)
def test_a_rule_in_training_alone(parts, name):
    """The layer is named, what the batch costs in both, and the edit mends it."""
    report = report_of(*parts())
    assert told(report), str(report)
    [found] = told(report)
    assert found.layer == name
    numbers = found.evidence
    assert numbers["loss_in_prediction"] > 2 * numbers["loss_in_training"]
    assert numbers["loss_as_in_training"] == pytest.approx(numbers["loss_in_training"], rel=1e-4)
    assert found.treatment.healed, str(report)
    assert "training" in found.treatment.diff


def test_statistics_that_are_never_noted():
    """Prediction keeps those of the start; there is no edit, as a batch is no statistic."""
    report = report_of(Standard(noted=False, name="standard"), layers.Dense(1))
    assert told(report), str(report)
    [found] = told(report)
    assert found.layer == "standard"
    assert "assigns" in found.fix
    assert found.treatment is None or not found.treatment.diff


HEALTHY = {
    "statistics that settle": lambda: (Standard(0.9), layers.Dense(1)),
    "statistics that settle late": lambda: (Standard(0.999), layers.Dense(1)),
    "places dropped": lambda: (layers.Dense(32, "relu"), Drops(), layers.Dense(1)),
    "a phase passed on": lambda: (Block(layers.BatchNormalization()), layers.Dense(1)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_may_ask_for_the_phase(name):
    """Statistics and drawn numbers are what the argument is for."""
    report = report_of(*HEALTHY[name]())
    assert not told(report), str(report)
