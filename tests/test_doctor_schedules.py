"""Schedules that count epochs, and rates of dropout that are what is kept: small models."""

import math

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._dropping import dropping, dropping_nothing

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

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
    "cosine": (schedules.CosineDecay(0.01, 30), "CosineDecay(0.01, batches * 30)"),
    "polynomial": (
        schedules.PolynomialDecay(0.01, 30), "PolynomialDecay(0.01, batches * 30)",
    ),
    "exponential": (
        schedules.ExponentialDecay(0.03, 8, 0.3), "ExponentialDecay(0.03, batches * 8, 0.3)",
    ),
    "pieces": (
        schedules.PiecewiseConstantDecay([12, 24], [0.01, 0.001, 0.0001]),
        "PiecewiseConstantDecay([batches * epoch for epoch in [12, 24]], [0.01, 0.001, 0.0001])",
    ),
    "own": (HalfCosine(0.01, 30), "optimizer=keras.optimizers.Adam(learning_rate=0.01)"),
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


def test_a_schedule_that_is_over_once_the_level_is_found():
    """The loss has lost more than half of itself, and is in the middle of its fall."""
    model = line(schedules.CosineDecay(0.0, 25, warmup_target=0.15, warmup_steps=5))
    report = ci.diagnose(model, X, Y + 4)
    (one,) = found(report)
    assert one.counts
    assert one.treatment.healed
    assert "batches * 25" in one.treatment.code
    numbers = one.evidence
    assert numbers["unseen_loss_at_the_end"] < 0.5 * numbers["unseen_loss"]


def test_a_start_outside_comes_after_the_schedule(monkeypatch):
    """Whatever a start that is drawn inside would do."""
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)
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
        (schedules.CosineDecay(0.3, 40), Y + 4),
        (schedules.CosineDecay(0.01, 3000), Y),
        (schedules.CosineDecay(0.01, 30), NOISE),
        (schedules.InverseTimeDecay(0.1, 10, 0.5), Y),
        (0.01, Y),
    ],
    ids=["short", "short from afar", "long", "noise", "never over", "none"],
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


def dropped(*rates, kind=layers.Dropout, units=32):
    keras.utils.set_random_seed(0)
    hidden = [part for rate in rates for part in (layers.Dense(units, "relu"), kind(rate))]
    model = keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


@pytest.mark.parametrize(
    ("kind", "rates"),
    [
        (layers.Dropout, (0.9, 0.9, 0.2)),
        (layers.GaussianDropout, (0.95, 0.95)),
        (layers.AlphaDropout, (0.9, 0.9)),
    ],
    ids=["units", "noise", "alpha"],
)
def test_what_is_kept_was_given_as_what_is_dropped(kind, rates):
    """All of the rates above a half are turned round together, and no other."""
    model = dropped(*rates, kind=kind)
    report = ci.diagnose(model, X, Y)
    (one,) = found(report, "CW614")
    assert one.counts
    assert one.treatment.healed
    rate = f"{1 - rates[0]:.3g}"
    assert one.treatment.code.startswith(f"keras.layers.{kind.__name__}({rate})  # in place")
    assert one.evidence["rate"] == rates[0]
    held = [layer.rate for layer in model.layers if isinstance(layer, kind)]
    assert held == list(rates)


@pytest.mark.parametrize(
    ("rates", "units", "target"),
    [((0.5, 0.5), 32, Y), ((0.8,), 64, Y), ((0.9, 0.9), 32, NOISE)],
    ids=["half", "trains", "noise"],
)
def test_a_rate_with_which_a_model_trains(rates, units, target):
    report = ci.diagnose(dropped(*rates, units=units), X, target)
    assert not found(report, "CW614"), str(report)


def test_a_loss_that_falls_amid_noise_is_not_enough():
    """With nothing dropped it falls, as outputs that were too large do; in training it is noise."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,))])
    for _ in range(3):
        model.add(layers.Dense(64, "relu", kernel_initializer="he_uniform"))
        model.add(layers.Dropout(0.95))
    model.add(layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(stddev=0.4)))
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    report = ci.diagnose(model, X, Y)
    (one,) = found(report, "CW614")
    assert one.counts
    assert one.treatment.healed
    assert "their noise is far more than the signal" in one.message
    numbers = one.evidence
    assert numbers["loss_in_training"] > 3 * numbers["unseen_loss"]
    assert numbers["unseen_loss_with_the_rest"] < 0.5 * numbers["unseen_loss_at_the_end"]


def test_rates_inside_of_other_layers():
    """They are told of the layer that they were given to, each by its argument."""
    steps = keras.Input((5, 4))
    keys = layers.MultiHeadAttention(2, 4, dropout=0.9, name="look")(steps, steps)
    last = layers.LSTM(3, dropout=0.8, recurrent_dropout=0.6, name="memory")(keys)
    found = dropping(keras.Model(steps, layers.SpatialDropout1D(0.3)(last[:, None])))
    told = {(one.layer.name, one.argument, one.rate) for one in found}
    assert {("look", "dropout", 0.9), ("memory", "dropout", 0.8)} < told
    assert ("memory", "recurrent_dropout", 0.6) in told
    assert {rate for *_, rate in told} == {0.9, 0.8, 0.6, 0.3}
    with dropping_nothing(keras.Model(steps, last)):
        assert not dropping(keras.Model(steps, last))


def test_a_recurrence_that_forgets_what_it_is_given():
    """The rate of a recurrent layer is turned round in its cell."""
    keras.utils.set_random_seed(0)
    x = DRAWS.normal(size=(128, 4, 3)).astype("float32")
    model = keras.Sequential([
        keras.Input((4, 3)), layers.LSTM(16, dropout=0.97, name="memory"), layers.Dense(1)
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, x, x[:, -1, :1] + x[:, -2, 1:2])
    (one,) = found(report, "CW614")
    assert (one.layer, one.treatment.healed) == ("memory", True)
    assert one.treatment.code == (
        "keras.layers.LSTM(16, dropout=0.03, name=\"memory\")  # in place of 'memory'"
    )
