"""Weights that a step throws onto the bound of their set, where nothing moves them any more."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)

T = np.linspace(0, 12, 32, dtype="float32")[:, None]
Y = (0.5 * (1 - np.exp(-0.3 * T))).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_stuck")
class Product(layers.Layer):
    """Two weights that are at least some number, and multiply each other."""

    def __init__(self, low=0.0, offset=False, **kwargs):
        super().__init__(**kwargs)
        self.low, self.offset = low, offset

    def build(self, shape):
        bound = ci.Box(self.low, None)
        self.a = self.add_weight(shape=(), initializer="ones", constraint=bound, name="a")
        self.k = self.add_weight(shape=(), initializer="ones", constraint=bound, name="k")
        self.b = self.add_weight(shape=(), initializer="zeros", name="b") if self.offset else 0.0

    def call(self, x):
        a, k = self.a - self.low, self.k - self.low
        return a * (1.0 - ops.exp(-k * x)) + self.b

    def get_config(self):
        return {**super().get_config(), "low": self.low, "offset": self.offset}


def report_of(layer, rate, y=Y):
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return ci.diagnose(model, T, y)


@pytest.mark.parametrize(("low", "offset"), [(0.0, False), (-0.5, False), (0.0, True)])
def test_weights_that_a_step_puts_on_their_bound_for_good(low, offset):
    """The step, the bound and the weights are named, and a smaller rate heals."""
    report = report_of(Product(low, offset), 8.0 if low else 4.0)
    first = next(finding for finding in report.findings if finding.counts)
    assert first.code == "CW510", str(report)
    assert first.evidence["bound"] == low
    assert 1 <= first.evidence["steps"] <= 3
    assert first.treatment.healed, str(report)


@pytest.mark.parametrize(
    ("rate", "y"), [(0.05, Y), (4.0, np.zeros_like(Y))], ids=["short steps", "targets of zero"]
)
def test_nothing_is_said_where_a_bound_is_not_met_or_is_the_answer(rate, y):
    """Short steps stay inside, and where all targets are zero, so is the best product."""
    assert not [f for f in report_of(Product(), rate, y).findings if f.code == "CW510"]
