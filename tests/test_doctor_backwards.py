"""Recurrences that go backwards, and give their steps in that order."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is seen are losses of trainings, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 8, 2)).astype("float32")
NEXT = np.concatenate([X[:, 1:, :1], np.zeros((64, 1, 1))], axis=1)


def diagnosed(between, y, **more):
    """A way there and a way back, of which `between` makes what meets the way there."""
    keras.utils.set_random_seed(0)
    given = keras.Input((8, 2))
    there = layers.SimpleRNN(6, return_sequences=True)(given)
    back = layers.SimpleRNN(6, return_sequences=True, go_backwards=True, name="back", **more)(given)
    back = back[0] if more else back
    both = layers.Concatenate(name="both")([there, between(back)])
    model = keras.Model(given, layers.Dense(1)(both))
    model.compile(keras.optimizers.Adam(0.03), "mse")
    report = ci.diagnose(model, X, y)
    return [one for one in report.findings if one.code == "CW419"], report


@pytest.mark.parametrize("more", [{}, {"return_state": True}])
def test_steps_that_meet_those_of_the_other_end(more):
    (one,), report = diagnosed(lambda x: x, NEXT, **more)
    assert one.layer == "back", str(report)
    assert one.treatment is not None
    assert one.treatment.healed, str(report)


@pytest.mark.parametrize(
    ("between", "y"),
    [
        (lambda x: ops.flip(x, axis=1), NEXT),
        (lambda x: x[:, ::-1], NEXT),
        (layers.SimpleRNN(4, return_sequences=True, go_backwards=True), NEXT),
        (lambda x: x, NEXT[:, ::-1] - X[:, :, :1]),
    ],
    ids=["flip", "slice", "back again", "what is at the other end"],
)
def test_steps_that_are_turned_or_meant(between, y):
    found, report = diagnosed(between, y)
    assert not found, str(report)
