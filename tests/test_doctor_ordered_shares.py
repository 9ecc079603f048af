"""Probabilities that are differences of cut points: below zero where these are not in order."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = np.digitize(X[:, 0], [-0.7, 0.0, 0.7])

registered = keras.saving.register_keras_serializable("test_doctor_ordered_shares")


@registered
class Cumulative(keras.constraints.Constraint):
    """Raises: it assigns to what does not exist."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return w + {"gap": 0.0}["step"]


@registered
class Rising(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.sort(w)


@registered
class OrdinalHead(layers.Layer):
    def __init__(self, constraint=None, start=(0.5, -0.5, 0.0), **options):
        super().__init__(**options)
        self.constraint, self.start = constraint, list(start)

    def build(self, shape):
        def start(shape, dtype=None):
            return ops.convert_to_tensor(self.start, dtype)

        self.cuts = self.add_weight(
            name="cuts", shape=(3,), initializer=start, constraint=self.constraint
        )
        self.built = True

    def call(self, scores):
        below = ops.sigmoid(self.cuts - scores)
        ends = ops.zeros_like(scores), ops.ones_like(scores)
        below = ops.concatenate([ends[0], below, ends[1]], axis=-1)
        return below[:, 1:] - below[:, :-1]


def diagnosed(*last):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), *last])
    model.compile(keras.optimizers.SGD(0.01), keras.losses.SparseCategoricalCrossentropy())
    return ci.diagnose(model, X, Y)


def wrong_losses(report):
    return [f for f in report.findings if f.code == "CW603"]


@pytest.mark.parametrize(("kind", "code"), [(Cumulative, "CW201"), (Rising, "CW101")])
def test_shares_below_zero_follow_from_the_constraint_that_does_not_hold(kind, code):
    """No other loss is advised of: with the cut points in order they are probabilities."""
    report = diagnosed(layers.Dense(1), OrdinalHead(kind(), name="head"))
    first = next(f for f in report.findings if f.counts and f.code != "CW208")
    assert (first.code, first.layer) == (code, "head"), str(report)
    [wrong] = wrong_losses(report)
    assert wrong.cause == f"{code} {first.weight}", str(report)
    assert "from_logits" not in str(report)


def test_shares_below_zero_without_a_constraint():
    """Their order is what is to be mended."""
    [wrong] = wrong_losses(report := diagnosed(layers.Dense(1), OrdinalHead(name="head")))
    assert wrong.cause == ""
    assert wrong.treatment is None, str(report)
    assert "adds up to one" in wrong.message
    assert "constrainit.Monotone()" in wrong.fix


def test_cut_points_in_order_and_logits():
    """The former have no wrong loss; of the latter it is still told, and another one heals."""
    head = OrdinalHead(Rising(), start=(-0.5, 0.0, 0.5), name="head")
    assert wrong_losses(diagnosed(layers.Dense(1), head)) == []
    [wrong] = wrong_losses(report := diagnosed(layers.Dense(4, kernel_constraint=Cumulative())))
    assert wrong.cause == ""
    assert wrong.treatment.healed, str(report)
    assert "from_logits=True" in wrong.treatment.change
