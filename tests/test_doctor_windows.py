"""Windows of a gradient in layers of the user's own that nearly all of a signal lies outside of."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings, and an edit of the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.sign(np.random.default_rng(0).normal(size=(96, 64))).astype("float32")
Y = (X[:, :9].sum(axis=1, keepdims=True) > 0).astype("float32")


class Signs(layers.Layer):
    """A kernel of signs and outputs of signs, whose gradient is that of a clip or a hard tanh."""

    def __init__(self, units, scale=1.0, hard=False, **others):
        super().__init__(**others)
        self.units, self.scale, self.hard = units, scale, hard

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))
        # The same on each backend.
        draws = np.random.default_rng(self.units + len(self.name))
        self.kernel.assign(draws.uniform(-0.2, 0.2, self.kernel.shape))

    def call(self, x):
        kernel = self.kernel + ops.stop_gradient(ops.sign(self.kernel) - self.kernel)
        a = self.scale * ops.matmul(x, kernel)
        soft = ops.hard_tanh(a) if self.hard else ops.clip(a, -1.0, 1.0)
        return soft + ops.stop_gradient(ops.where(a >= 0, 1.0, -1.0) - soft)


class Bounded(layers.Layer):
    """What it is given between bounds far off, all but a few entries that are none of use."""

    def call(self, x):
        return ops.concatenate([x, ops.clip(100.0 * x, -1.0, 1.0)], axis=-1)


def model_of(*own, rate=0.005, last="glorot_uniform"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((64,)), *own, layers.Dense(1, "sigmoid", kernel_initializer=last)]
    )
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    return model


def signs(**others):
    return [Signs(n, name=f"signs_{i}", **others) for i, n in enumerate((64, 48, 40, 32, 2))]


def found(report):
    return [finding for finding in report.findings if finding.code == "CW402"]


@pytest.mark.parametrize("hard", [False, True], ids=["clip", "hard tanh"])
def test_sums_beyond_the_window_of_a_straight_through_gradient(hard):
    """The line is named, and an edit of it is tried."""
    report = ci.diagnose(model_of(*signs(hard=hard), last="ones"), X, Y)
    (one,) = found(report)
    assert (one.layer, one.level) == ("signs_0", "warning")
    assert one.source is not None
    assert one.source.text.startswith("soft = ops.hard_tanh(a)")
    assert one.evidence["outside"] > 0.8
    assert 5 < one.evidence["size"] < 9
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    scale = f"{1 / one.evidence['size']:.2g}"
    assert (f"hard_tanh({scale} * a)" if hard else f"clip({scale} * a, -1.0") in one.treatment.diff


QUIET = {
    "scaled": lambda: model_of(*signs(scale=0.125)[:1]),
    "beside": lambda: model_of(Bounded(), rate=0.001),
    "no window": lambda: model_of(layers.Dense(64, "relu"), layers.Dense(64, "relu"), rate=1e-4),
}


@pytest.mark.parametrize("name", QUIET)
def test_signals_of_which_enough_comes_through(name):
    report = ci.diagnose(QUIET[name](), X, Y)
    assert not found(report), str(report)
