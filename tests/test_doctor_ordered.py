"""Cutpoints that have to go up start in order, and are held in it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


class Between(layers.Layer):
    """The probabilities between neighbouring cutpoints, given or taken the logarithm of here."""

    def __init__(self, start, sign=1.0, inside=False, **kwargs):
        super().__init__(**kwargs)
        self.start, self.sign, self.inside = start, sign, inside

    def build(self, shape):
        self.at = self.add_weight(
            shape=(len(self.start),), initializer=lambda *_, **__: ops.array(self.start), name="at"
        )

    def call(self, score):
        below = ops.sigmoid(self.sign * (self.at - score))
        end = ops.zeros_like(score)
        below = ops.concatenate([end, below, end + 1.0], axis=-1)
        shares = below[:, 1:] - below[:, :-1]
        return ops.log(shares + 1e-7) if self.inside else shares


class Shifted(layers.Layer):
    """Numbers of any order, of which some are negative."""

    def build(self, shape):
        self.shift = self.add_weight(
            shape=(4,), initializer=lambda *_, **__: ops.array([0.3, -2.0, 0.5, -1.0]), name="shift"
        )

    def call(self, score):
        return ops.tanh(score) + self.shift


def of_shares(y_true, shares):
    return -ops.mean(ops.sum(y_true * ops.log(shares + 1e-7), axis=-1))


def of_logs(y_true, logs):
    return -ops.mean(ops.sum(y_true * logs, axis=-1))


def diagnosed(part, loss=of_shares, classes=4):
    keras.utils.set_random_seed(0)
    x = keras.Input((5,))
    model = keras.Model(x, part(layers.Dense(1, use_bias=False)(x)))
    model.compile(keras.optimizers.Adam(0.02), loss)
    given = np.random.default_rng(0).normal(size=(80, 5)).astype("float32")
    order = np.argsort(np.argsort(given[:, 0] - given[:, 1]))
    return ci.diagnose(model, given, np.eye(classes)[order * classes // 80].astype("float32"))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cutpoints_out_of_order(sign, inside):
    """They are sorted the way that their differences ask for, and stay so."""
    part = Between([0.7, -0.4, 1.1], sign, inside, name="link")
    report = diagnosed(part, of_logs if inside else of_shares)
    first = report.findings[0]
    assert first.code == ("CW401" if inside else "CW502"), str(report)
    assert first.treatment.healed, str(report)
    direction = "increasing" if sign > 0 else "decreasing"
    assert f"'link/at': ci.Monotone(direction='{direction}', gap=" in first.treatment.change
    assert "ops.sort(model.get_layer('link').at, axis=0)" in first.treatment.code
    assert ("ops.flip" in first.treatment.code) == (sign < 0)


def test_cutpoints_in_order_are_sound():
    """Nothing is said of thresholds that go up."""
    report = diagnosed(Between([-0.7, 0.1, 0.9], name="link"))
    assert report.ok, str(report)


def test_numbers_whose_order_is_nothing_are_not_sorted():
    """Negative numbers that no order makes positive are no cutpoints."""
    report = diagnosed(Shifted(name="shifted"))
    first = report.findings[0]
    assert first.code == "CW502", str(report)
    assert first.treatment is None or "Monotone" not in first.treatment.change
