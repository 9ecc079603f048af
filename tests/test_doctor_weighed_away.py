"""Learned weights of losses: those that are trained to count for nothing, and sound ones."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Which loss falls where to is the same on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5)).astype("float32")
Y = np.stack([X[:, 0] * X[:, 1], np.sin(2 * X[:, 2])], axis=1).astype("float32")


class Weighed(keras.Model):
    """Two outputs, and a weight for the error of each."""

    def __init__(self, weigh, start=0.0, constraint=None):
        super().__init__(name="weighed")
        self.weigh, self.inner = weigh, layers.Dense(12, "tanh")
        self.heads = layers.Dense(2)
        self.shares = self.add_weight(
            (2,), keras.initializers.Constant(start), name="shares", constraint=constraint
        )

    def call(self, x):
        return self.heads(self.inner(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        errors = ops.mean(ops.square(ops.convert_to_tensor(y) - y_pred), axis=0)
        return ops.sum(self.weigh(errors, self.shares))


def report_of(model):
    keras.utils.set_random_seed(1)
    model.compile(keras.optimizers.SGD(0.02))
    model(X[:1])
    return ci.diagnose(model, X, Y)


@pytest.mark.parametrize(
    "weigh",
    [lambda e, s: ops.exp(s) * e, lambda e, s: ops.exp(-s) * e, lambda e, s: ops.softplus(s) * e],
)
def test_weights_that_lower_any_loss(weigh):
    """The weight is named, how far the loss falls with it alone, and what holds it mends it."""
    report = report_of(Weighed(weigh))
    first = report.findings[0]
    assert first.code == "CW612", str(report)
    assert first.weight == "weighed/shares"
    assert 0 <= first.evidence["loss_far_off"] < 1e-3
    assert first.treatment.healed


def test_weights_that_a_constraint_lets_reach_zero():
    """What is kept at zero or more is gone at zero."""
    report = report_of(Weighed(lambda e, s: s * e, 1.0, ci.NonNegative()))
    assert report.findings[0].code == "CW612", str(report)


HEALTHY = {
    "with a counter-term": lambda: Weighed(lambda e, s: ops.exp(-s) * e + s),
    "shares of one": lambda: Weighed(lambda e, s: ops.softmax(s) * e),
    "not below a half": lambda: Weighed(lambda e, s: s * e, 1.0, ci.Box(0.5, 2.0)),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_weights_that_weigh(name):
    """A least value of the loss, whatever they are, is no fault."""
    report = report_of(HEALTHY[name]())
    assert not [f for f in report.findings if f.code in ("CW606", "CW612")], str(report)
