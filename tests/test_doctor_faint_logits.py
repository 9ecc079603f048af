"""Logits that stay next to nothing, as the sets of the weights before them keep these small."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
CENTERS = DRAWS.uniform(0, 1, (3, 12))
LABELS = DRAWS.integers(0, 3, 96).astype("int32")
X = np.clip(CENTERS[LABELS] + 0.1 * DRAWS.normal(size=(96, 12)), 0, 1).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_faint_logits")
class Mirrors(layers.Layer):
    """Sums of inputs by the difference of two arrays of numbers that lie within small bounds."""

    def __init__(self, high, gain=1.0, **kwargs):
        super().__init__(**kwargs)
        self.high, self.gain = high, gain

    def build(self, shape):
        made = {
            name: self.add_weight(
                shape=(shape[-1], 3), name=name, constraint=ci.Box(0.0, self.high),
                initializer=keras.initializers.RandomUniform(0.2 * self.high, 0.8 * self.high, i),
            )
            for i, name in enumerate(("to", "fro"))
        }  # fmt: skip
        self.to, self.fro = made["to"], made["fro"]

    def call(self, x):
        return self.gain * ops.matmul(x, self.to - self.fro)

    def get_config(self):
        return {**super().get_config(), "high": self.high, "gain": self.gain}


def found_in(*inner, logits=False):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((12,)), *inner])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(keras.optimizers.Adam(2e-5, epsilon=1e-12), loss)
    report = ci.diagnose(model, X, LABELS)
    return [finding for finding in report.findings if finding.counts]


@pytest.mark.parametrize("logits", [False, True])
def test_logits_that_sets_keep_small_are_named(logits):
    """With a softmax behind them, or one in the loss; a scale in front of it heals."""
    first = found_in(Mirrors(1e-3), *([] if logits else [layers.Softmax()]), logits=logits)[0]
    assert first.code == "CW605"
    assert first.evidence["apart"] < 1
    assert first.treatment.healed


def test_an_activation_by_itself_is_one():
    first = found_in(Mirrors(1e-3), layers.Activation("softmax"))[0]
    assert first.code == "CW605"
    assert first.treatment.healed


def test_nothing_is_said_of_those_with_a_gain():
    """Of which the same sets leave far larger ones."""
    assert not found_in(Mirrors(1e-3, gain=3e3), layers.Activation("softmax"))
