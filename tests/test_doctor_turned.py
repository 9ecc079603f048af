"""Losses that take predictions first, where Keras gives them the targets first."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 4)).astype("float32")
COUNTS = DRAWS.poisson(np.exp(0.5 + 0.5 * X[:, :1])).astype("float32")


def rates(y_pred, y_true):
    return ops.mean(y_pred - y_true * ops.log(y_pred + 1e-7), axis=-1)


def in_order(y_true, y_pred):
    return rates(y_pred, y_true)


def squares(y_pred, y_true):
    return ops.mean(ops.square(y_pred - y_true), axis=-1)


class Rates(keras.losses.Loss):
    def call(self, predictions, targets):  # pyright: ignore[reportIncompatibleMethodOverride]
        return rates(predictions, targets)


def report_of(loss: Any):
    keras.utils.set_random_seed(0)
    parts = [layers.Dense(8, "relu"), layers.Dense(1, "softplus")]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, X, COUNTS)


@pytest.mark.parametrize(("loss", "name"), [(rates, "rates"), (Rates(), "Rates")])
def test_a_loss_that_takes_predictions_first(loss, name):
    """Its arguments and both means are told, and the other order heals."""
    report = report_of(loss)
    first = next(finding for finding in report.findings if finding.counts)
    assert first.code == "CW603", str(report)
    assert f"the loss {name} takes" in first.message
    assert first.evidence["loss"] != first.evidence["loss_turned"]
    assert first.treatment.healed, str(report)


def surprises(y_pred, y_true):
    return -ops.sum(ops.log(y_pred) * y_true, axis=-1)


def test_a_loss_that_is_not_finite_for_its_arguments_are_turned():
    """The logarithm of targets that are zero: what is lost then follows from the order."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(0.05), surprises)
    report = ci.diagnose(model, X, np.eye(2)[(X[:, 0] > 0).astype(int)].astype("float32"))
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.level) == ("CW603", "error"), str(report)
    assert first.treatment.healed, str(report)
    assert {finding.cause for finding in report.findings if finding is not first} == {"CW603"}


@pytest.mark.parametrize("loss", [in_order, squares, "poisson"])
def test_nothing_is_said_where_the_order_is_right_or_of_no_matter(loss):
    """As of squares, which are the same either way."""
    report = report_of(loss)
    assert report.ok, str(report)
