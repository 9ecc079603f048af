"""Constraints that make numbers above zero, of weights that must not be zero, or may be."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
Y = 1.5 * X / np.linspace(0.5, 2.0, 5, dtype="float32")

registered = keras.saving.register_keras_serializable("test_doctor_above_zero")


@registered
class SoftplusPositive(keras.constraints.Constraint):
    """Each weight by a softplus, at every step again."""

    def __call__(self, w):
        return ops.softplus(w)


@registered
class Rectified(keras.constraints.Constraint):
    """Zero in place of what is below it, and what is above moved on a little."""

    def __call__(self, w):
        return ops.where(w > 0, w + 0.1, 0.0 * w)


@registered
class Uses(layers.Layer):
    """Each input with a weight of its own, divided by it or multiplied."""

    def __init__(self, way, constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.way, self.own = way, constraint

    def build(self, shape):
        self.size = self.add_weight(
            shape=shape[-1:], initializer="ones", constraint=self.own, name="size"
        )

    def call(self, x):
        if self.way == "divides":
            return x / self.size
        return x * (ops.log(self.size) if self.way == "takes the logarithm" else self.size)

    def get_config(self):
        own = keras.saving.serialize_keras_object(self.own)
        return {**super().get_config(), "way": self.way, "constraint": own}


def treated(way, constraint):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), Uses(way, constraint)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, Y)
    found = [f for f in report.findings if f.weight.endswith("size") and f.treatment]
    return [f.treatment for f in found if f.code in ("CW205", "CW212")], report


@pytest.mark.parametrize("way", ["divides", "takes the logarithm"])
def test_a_weight_that_must_not_be_zero_ends_above_it(way):
    done, report = treated(way, SoftplusPositive())
    assert done, str(report)
    assert "ci.Positive(minimum=0.0001)" in done[0].code, str(report)
    assert done[0].healed, str(report)


@pytest.mark.parametrize(
    ("way", "constraint"), [("multiplies", SoftplusPositive()), ("divides", Rectified())]
)
def test_a_weight_that_may_be_zero_or_is(way, constraint):
    """Zero is offered where nothing fails there, and where the constraint itself gives it."""
    done, report = treated(way, constraint)
    assert done, str(report)
    assert "size.path: ci.NonNegative()" in done[0].code, str(report)


@pytest.mark.parametrize("way", ["divides", "multiplies"])
def test_positive_weights_by_a_set(way):
    """A sound model: nothing is told of its constraint."""
    done, report = treated(way, ci.Positive())
    assert not done, str(report)
