"""A likelihood that grows with the size of a weight alone, and those that do not."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 1)).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_endless")
class Density(layers.Layer):
    """A sum of bells; its shares are as they are, divided by their sum, or those of a set."""

    def __init__(self, divides=False, a_set="non_neg", **kwargs):
        super().__init__(**kwargs)
        self.divides, self.a_set = divides, keras.constraints.get(a_set)

    def build(self, shape):
        start = keras.initializers.Constant(1 / 3)
        self.pi = self.add_weight(shape=(3,), initializer=start, constraint=self.a_set, name="pi")
        self.mu = self.add_weight(shape=(3,), initializer="uniform", name="mu")

    def call(self, x):
        bells = ops.exp(-0.5 * ops.square(x - self.mu)) / 2.5066
        shares = self.pi / ops.sum(self.pi) if self.divides else self.pi
        return ops.sum(shares * bells, axis=-1, keepdims=True)

    def get_config(self):
        a_set = keras.constraints.serialize(self.a_set)
        return {**super().get_config(), "divides": self.divides, "a_set": a_set}


@keras.saving.register_keras_serializable("test_doctor_endless")
class Width(layers.Layer):
    """The likelihood of a bell of a trained width, which may have any size."""

    def build(self, shape):
        self.s = self.add_weight(shape=(), initializer="ones", constraint=ci.Positive(1e-3))

    def call(self, x):
        return ops.exp(-0.5 * ops.square(x / self.s)) / (2.5066 * self.s)


def likelihood(y, density):
    return -ops.log(density + 1e-8)


def found_in(layer):
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.Adam(0.02), likelihood)
    report = ci.diagnose(model, X, np.zeros_like(X))
    return [finding for finding in report.findings if finding.code == "CW606"]


def test_shares_of_any_size_are_named():
    """The set that makes them add up to one heals."""
    (finding,) = found_in(Density())
    assert finding.weight.endswith("/pi")
    assert "Simplex" in finding.treatment.change
    assert finding.treatment.healed


@pytest.mark.parametrize(
    "layer",
    [Density(divides=True), Density(a_set=ci.Simplex()), Width()],
    ids=["divided", "simplex", "width"],
)
def test_nothing_is_said_of_what_size_does_not_help(layer):
    """Of shares that add up to one, nor of a width, which makes a density wide and low."""
    assert not found_in(layer)
