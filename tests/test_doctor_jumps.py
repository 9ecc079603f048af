"""Losses of one's own that fall by jumps, and train by the little that is left: CW503."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, :1] + X[:, 1:2] > 0.5).astype("float32")


def f1(y, p):
    """Counts decisions, beside a mean that is trained."""
    hit = ops.cast(p > 0.5, "float32")
    both = ops.sum(y * hit)
    f1 = 2 * both / (ops.sum(y) + ops.sum(hit) + 1e-6)
    return 1 - f1 + 0.05 * ops.square(ops.mean(p) - ops.mean(y))


def misses(y, p):
    """Counts what is passed over, and a penalty."""
    missed = ops.where(p < 0.5, 1.0, 0.0)
    return ops.mean(y * missed + (1 - y) * (1 - missed)) + 0.01 * ops.std(p)


def decided(y, z):
    """The same of logits."""
    chosen = ops.cast(ops.greater(z, 0.0), "float32")
    return ops.mean(ops.square(y - chosen)) + 0.001 * ops.mean(ops.square(z))


def huber(y, p):
    """Compares errors, and does not jump."""
    error = ops.abs(y - p)
    return ops.mean(ops.where(error < 0.2, 0.5 * ops.square(error), 0.2 * (error - 0.1)))


def with_accuracy(y, p):
    """Jumps, beside what teaches as much."""
    wrong = ops.cast((p > 0.5) != (y > 0.5), "float32")
    return keras.losses.binary_crossentropy(y, p) + 0.2 * ops.mean(wrong)


def straight_through(y, p):
    """Has the value of a decision and the gradient of what is decided."""
    hard = ops.cast(p > 0.5, "float32")
    return ops.mean(ops.square(y - p - ops.stop_gradient(hard - p)))


def of(loss, last="sigmoid", rate=1e-3):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(1, last)])
    model.compile(keras.optimizers.Adam(rate), loss)
    return ci.diagnose(model, X, Y)


@pytest.mark.parametrize(
    ("loss", "last", "line", "change"),
    [
        (f1, "sigmoid", "hit = ops.cast(p > 0.5", "p in place of"),
        (misses, "sigmoid", "missed = ops.where(p < 0.5", "(1 - p) in place of"),
        (decided, None, "chosen = ops.cast(ops.greater", "a sigmoid in place of"),
    ],
)
def test_a_loss_that_counts_decisions(loss, last, line, change):
    """Its line is named, and what is predicted is counted as it is, or a sigmoid of it."""
    report = of(loss, last)
    (one,) = (finding for finding in report.findings if finding.code == "CW503")
    assert one.counts
    assert one.source is not None
    assert line in one.source.text
    assert one.evidence["seen"] < 0.1 * one.evidence["loss"]
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert change in one.treatment.change
    assert "+++ test_doctor_jumps.py" in one.treatment.diff


@pytest.mark.parametrize("loss", [huber, with_accuracy, straight_through])
def test_a_loss_whose_gradients_see_what_it_falls_by(loss):
    report = of(loss)
    assert not [finding for finding in report.findings if finding.code == "CW503"], str(report)
