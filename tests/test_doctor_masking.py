"""Masks that hide steps of the data: the number that they take for padding is one of it."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
FIRST, GAP = DRAWS.integers(0, 4, size=64), DRAWS.integers(1, 6, size=64)
PULSES = np.zeros((64, 10, 1), "float32")
PULSES[np.arange(64), FIRST, 0] = PULSES[np.arange(64), FIRST + GAP, 0] = 1.0
Y = ((GAP - 3) / 1.5).astype("float32")[:, None]


def diagnosed(first, x, steps=20):
    keras.utils.set_random_seed(0)
    last = layers.Dense(1, name="last", **ci.constrained(kernel=ci.MaxNorm(3.0)))
    model = keras.Sequential([keras.Input(x.shape[1:]), *first, layers.GRU(8, name="gru"), last])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return ci.diagnose(model, x, Y, steps=steps)


def test_a_mask_of_real_zeros():
    """It is named, with the share of what it hides, and another number heals."""
    report = diagnosed([layers.Masking(0.0, name="mask")], PULSES)
    first, *others = [finding for finding in report.findings if finding.counts]
    assert (first.code, first.layer) == ("CW405", "mask"), str(report)
    within = float(np.mean((GAP - 1).sum() / (GAP + 1).sum()))
    assert f"{100 * within:.3g} % of those between the first and the last" in first.message
    assert first.treatment.healed, str(report)
    assert first.treatment.code.startswith("keras.layers.Masking(mask_value=-10.0")
    assert not others, str(report)


def test_a_table_that_masks_a_word():
    """Of pulses as words, of which zero is one."""
    table = layers.Embedding(2, 4, mask_zero=True, name="table")
    report = diagnosed([table], PULSES[..., 0].astype("int32"))
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW405", "table"), str(report)
    assert "mask_zero=False" in first.treatment.code, str(report)


@pytest.mark.parametrize("number", [0.0, -10.0])
def test_masks_of_padding(number):
    """Behind what the sequences tell, and of a number that no step has."""
    length = FIRST + GAP + 1
    steps = np.arange(10)[None, :] < length[:, None]
    x = np.where(steps[..., None], PULSES + 0.5 * (number == 0), number).astype("float32")
    report = diagnosed([layers.Masking(number)], x)
    assert report.ok, str(report)


def test_a_constant_that_no_mask_is_the_cause_of():
    """Its mask hides the padding only."""
    x = np.where(np.arange(10)[:, None] < 6, PULSES + 0.5, 0.0).astype("float32")
    first = [layers.Masking(0.0), layers.Dense(1, "softmax", name="share")]
    report = diagnosed(first, x)
    found = next(finding for finding in report.findings if finding.counts)
    assert "Masking" not in found.message, str(report)
