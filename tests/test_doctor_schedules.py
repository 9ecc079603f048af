"""Schedules that count epochs: small models."""

import math

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci

schedules = keras.optimizers.schedules

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(96, 8)).astype("float32")
SLOPES = DRAWS.normal(size=(8, 1))
Y = (X @ SLOPES).astype("float32")
NOISE = DRAWS.normal(size=(96, 1)).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_schedules")
class HalfCosine(schedules.LearningRateSchedule):
    """A schedule of the user's own, whose argument the doctor does not know."""

    def __init__(self, rate, last):
        self.rate, self.last = rate, last

    def __call__(self, step):
        way = ops.minimum(ops.cast(step, "float32") / self.last, 1.0)
        return self.rate * 0.5 * (1 + ops.cos(math.pi * way))

    def get_config(self):
        return {"rate": self.rate, "last": self.last}


class Reshaped(layers.Layer):
    """Takes 96 examples, and no others."""

    def call(self, x):
        return ops.reshape(x, (96, 8))


def line(rate, **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1, **arguments)])
    model.compile(keras.optimizers.Adam(rate), "mse")
    return model


def found(report, code="CW613"):
    return [finding for finding in report.findings if finding.code == code]


EARLY = {
    "cosine": (schedules.CosineDecay(0.01, 30), "CosineDecay(..., decay_steps=batches * 30)"),
    "polynomial": (
        schedules.PolynomialDecay(0.01, 30), "PolynomialDecay(..., decay_steps=batches * 30)",
    ),
    "exponential": (
        schedules.ExponentialDecay(0.03, 8, 0.3), "ExponentialDecay(..., decay_steps=batches * 8)",
    ),
    "pieces": (
        schedules.PiecewiseConstantDecay([12, 24], [0.01, 0.001, 0.0001]),
        "PiecewiseConstantDecay(..., boundaries=[batches * epoch for epoch in [12, 24]])",
    ),
    "own": (HalfCosine(0.01, 30), "optimizer=...(0.01)"),
}  # fmt: skip


@pytest.mark.parametrize("name", EARLY)
def test_a_schedule_that_is_over_before_much_is_learnt(name):
    """It is named, with what to write; the model stays as it is."""
    rate, written = EARLY[name]
    model = line(rate)
    before = array(model.layers[0].kernel)
    report = ci.diagnose(model, X, Y)
    (one,) = found(report)
    assert report.findings[0] is one
    assert one.counts
    assert one.treatment.healed
    assert written in one.treatment.code
    assert 20 < one.evidence["steps"] < 40
    assert one.evidence["unseen_loss_with_more"] < 0.8 * one.evidence["unseen_loss_at_the_end"]
    np.testing.assert_array_equal(array(model.layers[0].kernel), before)


def test_a_start_outside_comes_after_the_schedule():
    """A start inside of the set trains no further."""
    rate = schedules.CosineDecay(0.01, 30)
    model = line(rate, kernel_constraint=keras.constraints.UnitNorm(axis=0))
    model.layers[0].kernel.assign(3 * SLOPES[::-1])
    report = ci.diagnose(model, X, Y / np.linalg.norm(SLOPES))
    codes = [finding.code for finding in report.findings if finding.counts]
    assert codes[0] == "CW613"
    assert "CW101" in codes
    assert not found(report)[0].cause


@pytest.mark.parametrize(
    ("rate", "target"),
    [
        (schedules.CosineDecay(0.1, 80), Y),
        (schedules.CosineDecay(0.01, 3000), Y),
        (schedules.CosineDecay(0.01, 30), NOISE),
        (schedules.InverseTimeDecay(0.1, 10, 0.5), Y),
        (0.01, Y),
    ],
    ids=["short", "long", "noise", "never over", "none"],
)
def test_a_schedule_that_is_long_enough(rate, target):
    """So is one that is short and gets far, and one with which nothing is left to learn."""
    start = "zeros" if target is NOISE else "glorot_uniform"
    report = ci.diagnose(line(rate, kernel_initializer=start), X, target)
    assert not found(report), str(report)
    assert not found(report, "CW608")


def test_what_a_schedule_leaves_is_not_asked_of_drawn_targets_or_trained_models():
    model = line(EARLY["cosine"][0])
    assert not found(ci.diagnose(model, X))
    assert not found(ci.diagnose(model, X[:6], Y[:6]))
    model.fit(X, Y, epochs=1, verbose=0)
    assert not found(ci.diagnose(model, X, Y))


def test_a_model_that_takes_no_half_of_a_batch_is_told_of():
    model = line(EARLY["cosine"][0])
    fixed = keras.Sequential([keras.Input(batch_shape=(96, 8)), Reshaped(), *model.layers])
    fixed.compile(model.optimizer, "mse")
    report = ci.diagnose(fixed, X, Y)
    assert not found(report)
    assert "the schedule of the learning rate is not tried on half of the batch" in str(report)
