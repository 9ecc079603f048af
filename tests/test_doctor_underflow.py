"""Numbers of a layer of the user's own with which its exponentials underflow to rows of zeros."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


class Matching(layers.Layer):
    """Shares of prototypes by their distance, scaled along rows and columns in turn."""

    def __init__(self, epsilon=0.001, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, shape):
        self.places = self.add_weight(name="places", shape=(6, shape[-1]), initializer="normal")

    def call(self, x):
        apart = ops.mean(ops.square(ops.expand_dims(x, 2) - self.places), axis=-1)
        k = ops.exp(-apart / self.epsilon)
        v = ops.ones_like(k[:, :1, :])
        for _ in range(4):
            u = 1.0 / ops.sum(k * v, axis=2, keepdims=True)
            v = 1.0 / ops.sum(k * u, axis=1, keepdims=True)
        return ops.matmul(u * k * v, self.places)


def report_of(epsilon):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 4)), Matching(epsilon, name="matching")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(16, 6, 4)).astype("float32")
    return ci.diagnose(model, x, 0.5 * x)


def test_a_number_far_too_small_is_tried_far_larger():
    """With ten times of it the first gradients are not finite still."""
    [finding] = [f for f in report_of(0.001).findings if f.code == "CW401"]
    assert finding.treatment.healed
    assert finding.treatment.change.startswith("epsilon=0.1 of 'matching' in place of 0.001")


def test_a_number_of_the_size_of_the_costs_is_no_finding():
    """No row of zeros comes of it."""
    assert not {f.code for f in report_of(1.0).findings} & {"CW401", "CW501", "CW502"}
