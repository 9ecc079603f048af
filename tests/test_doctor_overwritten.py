"""Averages that overwrite the weights, where the loss falls a little all the same."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.uniform(-1, 1, (64, 3)).astype("float32")
Y = (X @ np.array([[1.5], [0.5], [2.0]]) + 2.0).astype("float32")


def note_of(rate, momentum, every):
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(0.0, 0.3, seed=1)
    hidden = layers.Dense(12, "tanh", kernel_constraint="non_neg", kernel_initializer=start)
    model = keras.Sequential([keras.Input((3,)), hidden, layers.Dense(1)])
    given = {"use_ema": True, "ema_momentum": momentum, "ema_overwrite_frequency": every}
    model.compile(keras.optimizers.Adam(rate, **given), "mse")
    report = ci.diagnose(model, X, Y)
    return next((f for f in report.findings if f.code == "CW305"), None)


def test_a_training_that_it_holds_back_is_warned_of():
    """Though the first step, before which there is no average, takes its part off the loss."""
    finding = note_of(0.1, 0.999, 1)
    assert finding.level == "warning", finding.message
    assert "where it does not" in finding.message
    assert finding.treatment.healed
    assert "use_ema=True, ema_momentum=0.999)" in finding.treatment.code
    assert "ema_overwrite_frequency" not in finding.treatment.code


def test_a_rate_that_makes_up_for_it_is_no_more_than_noted():
    """Steps that are ten times as long, of which a tenth is left."""
    finding = note_of(0.5, 0.9, 1)
    assert finding is None or finding.level == "info"


def test_an_overwrite_now_and_then_is_not_told_of():
    """As with what Keras takes by itself."""
    assert note_of(0.03, 0.99, 100) is None
