"""Estimators that pass a gradient on, and picks that keep it from what they are made of."""

import ast

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._straight import swapped

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = (X[:, :1] - X[:, 1:2]).astype("float32")
registered = keras.saving.register_keras_serializable("test_doctor_picked")


@registered
class WrongWayRound(layers.Layer):
    """It gives what is smooth, with the gradient of the step."""

    def call(self, x):
        hard = ops.round(x)
        return hard + ops.stop_gradient(x - hard)


@registered
class RightWayRound(layers.Layer):
    """Healthy."""

    def call(self, x):
        hard = ops.round(x)
        return x + ops.stop_gradient(hard - x)


@registered
class Picks(layers.Layer):
    """Of two inputs only the second one gets a gradient."""

    def call(self, inputs):
        scores, values = inputs
        pick = ops.one_hot(ops.argmax(scores, axis=-1), 4)
        return ops.sum(pick * values, axis=-1, keepdims=True)


@registered
class Levels(layers.Layer):
    """A kernel in whole steps of its own scale, the estimator the wrong way round."""

    def build(self, shape):
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], 4))

    def rounded(self, w):
        step = ops.stop_gradient(ops.max(ops.abs(w))) / 7
        q = ops.clip(ops.round(w / step), -7, 7) * step
        return q + ops.stop_gradient(w - q)

    def call(self, x):
        return ops.matmul(x, self.rounded(self.kernel))


@registered
class RightLevels(Levels):
    """Healthy."""

    def rounded(self, w):
        step = ops.stop_gradient(ops.max(ops.abs(w))) / 7
        q = ops.clip(ops.round(w / step), -7, 7) * step
        return w + ops.stop_gradient(q - w)


def report_of(*parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, Y)


def test_an_estimator_the_wrong_way_round_is_turned():
    report = report_of(layers.Dense(4), WrongWayRound(name="round"), layers.Dense(1))
    first = report.findings[0]
    assert (first.code, first.layer, first.level) == ("CW503", "round", "warning")
    assert "the wrong way round" in first.message
    assert first.treatment is not None
    assert first.treatment.healed
    assert "+        return x + ops.stop_gradient(hard - x)" in first.treatment.diff
    right = report_of(layers.Dense(4), RightWayRound(), layers.Dense(1))
    assert not [f for f in right.findings if f.code == "CW503"]


def test_an_estimator_of_a_kernel_in_steps_of_its_scale_is_turned():
    """Its line is named, and not one that keeps the scale from a gradient."""
    report = report_of(Levels(name="levels"), layers.Dense(1))
    first = next(f for f in report.findings if f.code == "CW503")
    assert first.weight.endswith("levels/kernel")
    assert first.source is not None
    assert first.source.text == "return q + ops.stop_gradient(w - q)"
    assert "the wrong way round" in first.message
    assert first.fix.startswith("write soft + stop_gradient(hard - soft)")
    assert first.treatment is not None
    assert first.treatment.healed
    assert "+        return w + ops.stop_gradient(q - w)" in first.treatment.diff
    right = report_of(RightLevels(), layers.Dense(1))
    assert not [f for f in right.findings if f.code == "CW503"]


def test_what_is_put_beside_a_step_carries_a_gradient():
    code = "h = ops.round(s) * 2 + s\nreturn_ = h + ops.stop_gradient(s - h)"
    assert swapped(ast.parse(code)) is None


@pytest.mark.parametrize("written", [
    "h + ops.stop_gradient(s - h)", "h - stop_gradient(h - s)", "(s - h).detach() + h",
])  # fmt: skip
def test_estimators_the_wrong_way_round_are_known(written):
    code = "h = ops.round(s)\nreturn_ = {}"
    assert swapped(ast.parse(code.format(written))) is not None
    assert swapped(ast.parse(code.format("s + ops.stop_gradient(h - s)"))) is None


def test_a_pick_that_starves_its_scores_is_told_first():
    keras.utils.set_random_seed(0)
    given = keras.Input((4,))
    scores = layers.Dense(4, kernel_initializer="zeros", name="gate")(given)
    model = keras.Model(given, Picks(name="pick")([scores, layers.Dense(4, name="values")(given)]))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, Y)
    first = report.findings[0]
    assert (first.code, first.weight, first.layer) == ("CW503", "gate/kernel", "pick")
    assert "argmax" in first.message
    assert first.treatment is not None
    assert first.treatment.healed
    assert all(f.cause == "CW503 gate/kernel" for f in report.findings[1:] if f.counts)
