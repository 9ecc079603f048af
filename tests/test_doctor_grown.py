"""Signals that grow within a layer of somebody's own: the weight that does it, and what follows."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


@keras.saving.register_keras_serializable("grown")
class Settling(layers.Layer):
    """A state that is fed back thirty times, beside what comes in."""

    def __init__(self, high, **kwargs):
        super().__init__(**kwargs)
        self.high = high

    def build(self, shape):
        self.enter = self.add_weight((shape[-1], 16), name="enter")
        start = keras.initializers.RandomUniform(0.0, self.high, seed=1)
        self.back = self.add_weight((16, 16), initializer=start, name="back", constraint="max_norm")

    def call(self, x):
        given = ops.matmul(x, self.enter)
        state = ops.zeros_like(given)
        for _ in range(30):
            state = ops.relu(ops.matmul(state, self.back) + given)
        return state

    def get_config(self):
        return {**super().get_config(), "high": self.high}


def diagnosed(high):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), Settling(high, name="settling"), layers.Dense(1, name="read")]
    )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    return ci.diagnose(model, x, np.abs(x[:, :1]))


def test_what_overflows_later_follows_from_what_grows_at_the_start():
    """The matrix that is applied again and again is named, not the first one of its layer."""
    report = diagnosed(0.35)
    first = report.findings[0]
    assert first.code == "CW404", str(report)
    assert first.weight.endswith("settling/back"), str(report)
    broken = [f for f in report.findings if f.code in ("CW401", "CW501", "CW502")]
    assert broken, str(report)
    assert all(f.cause.startswith("CW404") for f in broken), str(report)


def test_a_state_that_settles():
    """Small enough it is a contraction."""
    report = diagnosed(0.05)
    assert not {"CW404", "CW401"} & {f.code for f in report.findings if f.counts}, str(report)
