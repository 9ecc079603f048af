"""Weights that code of the user's own clips, and that start where this has no gradient."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.gamma(2.0, 1.0, size=(64, 16)).astype("float32")
Y = (X * np.linspace(0.1, 0.9, 16) + 0.1).astype("float32")


class Gains(layers.Layer):
    """A gain of each column, taken from its weight by a function."""

    def __init__(self, taken, low, high, **others):
        super().__init__(**others)
        self.taken, self.low, self.high = taken, low, high

    def build(self, shape):
        starts = keras.initializers.RandomUniform(self.low, self.high, seed=1)
        self.gain = self.add_weight(name="gain", shape=(shape[-1],), initializer=starts)
        self.floor = self.add_weight(name="floor", shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.taken(self.gain) + self.floor


class Pair(Gains):
    """Two weights that a method clips, both far above its bounds."""

    def build(self, shape):
        super().build(shape)
        self.other = self.add_weight(name="other", shape=(shape[-1],), initializer="ones")
        self.other.assign(1000.0 * np.linspace(1, 2, 16))

    def bounded(self, one):
        return ops.clip(one, 0.0, 1.0)

    def call(self, x):
        return x * (self.bounded(self.gain) - self.bounded(self.other)) + self.floor


def through(w):
    return w + ops.stop_gradient(ops.clip(w, 0.0, 1.0) - w)


def gained(taken, low, high, kind=Gains):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((16,)), kind(taken, low, high, name="own")])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def found(report):
    return [one for one in report.findings if one.code == "CW503" and "outside" in one.evidence]


FAULTY = {
    "clip": (lambda w: ops.clip(w, 0.0, 1.0), 0.5, 3.0, "times 0."),
    "of a multiple": (lambda w: ops.clip(2.0 * w, 0.0, 1.0), 0.3, 2.0, "times 0."),
    "from below": (lambda w: ops.clip(w, 0.05, 1.0), -2.0, 1.5, "spread between 0.24"),
    "relu": (ops.relu, -1.0, 0.5, "mirrored at 0"),
    "minimum": (lambda w: ops.minimum(w, 1.0), 0.5, 2.0, "mirrored at 1"),
    "maximum": (lambda w: ops.maximum(0.01, w), -0.5, 0.2, "mirrored at 0.01"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_start_outside_is_told_and_one_inside_is_tried(name):
    """The share of the entries that never move, the line, and how the start is made."""
    taken, low, high, said = FAULTY[name]
    report = ci.diagnose(gained(taken, low, high), X, Y)
    (one,) = found(report)
    assert report.findings[0] is one
    assert (one.layer, one.weight.split("/")[-1], one.level) == ("own", "gain", "warning")
    assert 0.1 < one.evidence["outside"] < 1
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert said in one.treatment.change
    assert "gain.assign(" in one.treatment.code


def test_weights_that_all_lie_above():
    """Both start at the size of the bounds, by one number, and the clip in the method is named."""
    report = ci.diagnose(gained(None, 100.0, 2000.0, Pair), X, -0.5 * Y)
    (one,) = found(report)
    assert one.evidence["outside"] == 1
    assert one.source is not None
    assert one.source.text == "return ops.clip(one, 0.0, 1.0)"
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert one.treatment.code.count(" * 0.000") == 2


QUIET = {
    "inside": (lambda w: ops.clip(w, 0.0, 1.0), 0.2, 0.8),
    "with a gradient": (through, 0.5, 3.0),
    "few outside": (lambda w: ops.clip(w, 0.0, 1.0), 0.05, 1.01),
    "a floor that is far": (lambda w: ops.maximum(w, -5.0), -1.0, 1.0),
}


@pytest.mark.parametrize("name", QUIET)
def test_clips_that_hold_nothing_up(name):
    report = ci.diagnose(gained(*QUIET[name]), X, Y)
    assert not found(report), str(report)


class Sparse(layers.Layer):
    """A kernel of which a relu leaves half, as it may."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 64), initializer="glorot_uniform")

    def call(self, x):
        return ops.relu(ops.matmul(x, ops.relu(self.kernel)) - 1.0)


def test_a_kernel_of_which_half_is_enough():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((16,)), Sparse(), layers.Dense(16)])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, X, Y)
    assert not found(report), str(report)
