"""Layers that add to what they are given, one after the other: CW404."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

X = np.random.default_rng(0).normal(size=(48, 8)).astype("float32")
Y = np.tanh(X[:, :1])

LARGE = keras.initializers.VarianceScaling(3.5, seed=0)
"""A little more than he_normal, and no size that a kernel should not have."""


class Block(layers.Layer):
    """Adds what two layers give, where the second one starts as is told."""

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(12, "relu", kernel_initializer="he_normal", name="first")
        self.second = layers.Dense(12, kernel_initializer=start, name="second")

    def build(self, shape):
        self.first.build(shape)
        self.second.build(shape)

    def call(self, x):
        return ops.relu(x + self.second(self.first(x)))


def added(h, start):
    """The same of layers of Keras."""
    inner = layers.Dense(12, "relu", kernel_initializer="he_normal")(h)
    return layers.Add()([h, layers.Dense(12, kernel_initializer=start)(inner)])


def tower(block, start, norm=False):
    keras.utils.set_random_seed(0)
    x = keras.Input((8,))
    h = layers.Dense(12)(x)
    for _ in range(12):
        h = block(layers.LayerNormalization()(h) if norm else h, start)
    model = keras.Model(x, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return ci.diagnose(model, X, Y)


WAYS = {"own": lambda h, start: Block(start)(h), "of Keras": added}


@pytest.mark.parametrize("way", WAYS)
def test_blocks_that_add_as_much_as_they_are_given(way):
    """The signal about doubles in each, and is hundreds of times as large in the end."""
    report = tower(WAYS[way], LARGE)
    first = report.findings[0]
    assert first.code == "CW404", str(report)
    assert first.counts
    assert len(first.evidence["branches"]) == 12
    assert first.treatment is not None
    assert first.treatment.healed, str(report)
    assert first.treatment.change == (
        "the last kernel of what is added by each of 12 layers, times 0.083"
    )


@pytest.mark.parametrize(("start", "norm"), [("zeros", False), (LARGE, True)])
def test_blocks_that_add_little(start, norm):
    """Nor is anything said where each is given what is normalized."""
    report = tower(WAYS["of Keras"], start, norm)
    assert not [one for one in report.findings if one.code == "CW404"], str(report)
