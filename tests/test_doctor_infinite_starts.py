"""Weights without a constraint that start at infinity, where nothing is NaN."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).uniform(0, 500, (96, 1)).astype("float32")
Y = np.sin(X / 80).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_infinite_starts")
class Bells(layers.Layer):
    """Bells along a line, of a width that a softplus keeps above zero."""

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        start = keras.initializers.Constant(self.start)
        self.raw = self.add_weight(shape=(8,), initializer=start, name="raw")

    def call(self, x):
        centers = ops.linspace(0.0, 500.0, 8)
        return ops.exp(-0.5 * ops.square((x - centers) / ops.softplus(self.raw)))

    def get_config(self):
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable("test_doctor_infinite_starts")
class Cut(layers.Layer):
    """Numbers cut off at a bound that is none."""

    def build(self, shape):
        self.bound = self.add_weight(shape=(), name="bound", initializer=lambda *_, **__: np.inf)

    def call(self, x):
        return ops.minimum(x, self.bound)


def found_in(*inner):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), *inner, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return ci.diagnose(model, X, Y).findings


def test_a_weight_of_infinities_is_named_before_what_it_gives():
    """A width without end makes all bells flat, which is finite."""
    first = found_in(Bells(float("inf")))[0]
    assert first.code == "CW103"
    assert first.weight.endswith("/raw")
    assert "log(-expm1(-x))" in first.fix
    assert first.treatment.healed
    assert "powers of ten" in first.treatment.change


def test_nothing_is_said_of_a_finite_one():
    """A large one is no fault."""
    assert not [f for f in found_in(Bells(80.0)) if f.code in ("CW103", "CW405")]


def test_nothing_is_said_of_a_bound_that_is_none():
    """What comes out of its layer tells the examples apart."""
    assert not [f for f in found_in(layers.Rescaling(0.01), Cut()) if f.code == "CW103"]
