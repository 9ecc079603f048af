"""Starts that are too large by a factor: kernels of sines, exponents, numbers of a layer's own."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings on any backend.
pytestmark = pytest.mark.in_turns(every=16)

AT = np.random.default_rng(0).uniform(-1, 1, size=(256, 2)).astype("float32")
HEIGHT = np.sin(3 * AT[:, :1] + AT[:, 1:]) * np.cos(2 * AT[:, 1:])


@keras.saving.register_keras_serializable("wide_sines")
class Sine(layers.Layer):
    """`sin(omega * (x @ kernel))`, the kernel drawn within a bound."""

    def __init__(self, units, bound, omega=30.0, **others):
        super().__init__(**others)
        self.units, self.bound, self.omega = units, bound, omega

    def build(self, shape):
        start = keras.initializers.RandomUniform(-self.bound, self.bound, seed=2)
        self.kernel = self.add_weight((shape[-1], self.units), start, name="kernel")

    def call(self, x):
        return ops.sin(self.omega * ops.matmul(x, self.kernel))


@keras.saving.register_keras_serializable("wide_sines")
class Scaled(layers.Layer):
    """Units of length one, times the exponential of a number that is learnt."""

    def build(self, shape):
        start = keras.initializers.Constant(20.0)
        self.scale = self.add_weight(shape=(), initializer=start, name="scale")

    def call(self, x):
        return ops.exp(self.scale) * x / ops.norm(x, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("wide_sines")
class Descent(layers.Layer):
    """Least squares by steps along the gradient, as many as are asked for."""

    def __init__(self, step, rounds=12, **others):
        super().__init__(**others)
        self.step, self.rounds = step, rounds

    def build(self, shape):
        self.basis = self.add_weight((16, shape[-1]), "he_normal", name="basis")

    def call(self, x):
        code = ops.zeros((ops.shape(x)[0], 16))
        for _ in range(self.rounds):
            left = x - ops.matmul(code, self.basis)
            code = code + self.step * ops.matmul(left, ops.transpose(self.basis))
        return ops.matmul(code, self.basis)


def report_of(*parts, x=AT, y=HEIGHT, rate=1e-3, loss="mse"):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(x.shape[1:]), *parts])
    model.compile(keras.optimizers.Adam(rate), loss)
    return ci.diagnose(model, x, y)


def dense_sine(units, scale):
    start = keras.initializers.VarianceScaling(scale, seed=4)
    return layers.Dense(units, activation=ops.sin, kernel_initializer=start, name="hidden")


FAULTY = {
    "a layer": lambda: (Sine(24, 0.1), Sine(24, 0.5, name="hidden"), layers.Dense(1)),
    "an activation": lambda: (layers.Dense(24, "tanh"), dense_sine(24, 2500.0), layers.Dense(1)),
}


@pytest.mark.parametrize("name", FAULTY)
def test_sines_over_many_periods(name):
    """Of a hidden layer they are named, and kernels that are divided by their spread heal."""
    report = report_of(*FAULTY[name]())
    first = report.findings[0]
    assert first.code == "CW404", str(report)
    assert "over many periods" in first.message
    assert first.weight.endswith("hidden/kernel")
    assert first.evidence["loss_with_smaller"] < first.evidence["loss_at_the_end"]
    assert first.treatment.healed, str(report)


class Features(layers.Layer):
    """Sines and cosines of random frequencies, which are not trained."""

    def build(self, shape):
        draw = keras.random.normal((shape[-1], 16), stddev=10.0, seed=5)
        self.frequencies = self.add_weight((shape[-1], 16), lambda *_, **__: draw, trainable=False)

    def call(self, x):
        at = ops.matmul(x, self.frequencies)
        return ops.concatenate([ops.sin(at), ops.cos(at)], axis=-1)


HEALTHY = {
    "frequencies of the first layer": lambda: (Sine(24, 1.0), Sine(24, 0.02), layers.Dense(1)),
    "features": lambda: (Features(), layers.Dense(24, activation="relu"), layers.Dense(1)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_sines_that_are_meant_to_be_wide(name):
    """Those of a first layer set the frequencies, trained or not."""
    report = report_of(*HEALTHY[name](), rate=1e-4)
    assert "CW404" not in {f.code for f in report.findings}, str(report)


def test_a_number_whose_exponential_is_taken():
    """It is named, and its logarithm heals."""
    x = np.random.default_rng(1).normal(size=(48, 4)).astype("float32")
    kinds = np.argmax(x @ np.random.default_rng(2).normal(size=(4, 3)), axis=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    report = report_of(layers.Dense(3), Scaled(name="scaled"), x=x, y=kinds, rate=0.01, loss=loss)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW404", "scaled"), str(report)
    assert first.weight.endswith("scaled/scale")
    assert first.treatment.healed, str(report)
    assert "keras.ops.log(" in first.treatment.code


def test_a_number_of_a_layers_own():
    """Steps that are too long for a loop are tried shorter, by the argument of the class."""
    x = np.random.default_rng(1).normal(size=(64, 8)).astype("float32")
    report = report_of(Descent(1.5, name="descent"), x=x, y=x)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW404", "descent"), str(report)
    assert first.treatment.healed, str(report)
    assert first.treatment.code == "Descent(..., step=0.15)"
