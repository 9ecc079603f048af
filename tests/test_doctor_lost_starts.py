"""Weights without a constraint that do not start finite."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (X[:, :3] > 0.5).astype("float32")


def log_of_counts(shape, dtype=None):
    return ops.convert_to_tensor([-1.0, -np.inf, -2.0], dtype=dtype)


class Kept(layers.Layer):
    """A softmax of scores beside a mask of minus infinity."""

    def __init__(self, trainable_mask, **kwargs):
        super().__init__(**kwargs)
        self.trainable_mask = trainable_mask

    def build(self, shape):
        self.mask = self.add_weight(
            shape=(3,), initializer=log_of_counts, trainable=self.trainable_mask, name="mask"
        )

    def call(self, x):
        return ops.softmax(x + self.mask)


def diagnosed(*parts, loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile("sgd", loss)
    return ci.diagnose(model, X, Y)


def test_a_bias_that_starts_at_minus_infinity():
    """The bias is the cause of what is not finite, and its finite entries mend it."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    first, *others = diagnosed(
        layers.Dense(3, bias_initializer=log_of_counts, name="tags"), loss=loss
    ).findings
    assert (first.code, first.layer) == ("CW103", "tags")
    assert "-inf at index 1" in first.message
    assert "smooth" in first.fix
    assert first.treatment.healed
    assert others
    assert all(other.cause.startswith("CW103") for other in others if other.counts)


@pytest.mark.parametrize("trainable", [True, False])
def test_a_mask_of_minus_infinity_is_meant(trainable, monkeypatch):
    """Nothing breaks by it."""
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)
    report = diagnosed(layers.Dense(3), Kept(trainable))
    assert "CW103" not in {finding.code for finding in report.findings}
