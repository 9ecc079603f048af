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


def words(zeros_tell, padded):
    """Sequences of words that hold two zeros or more between others; labels take turns."""
    draws = np.random.default_rng(1)
    x = draws.integers(1, 4, size=(128, 8))
    y = np.arange(128) % 2
    # A 3 is in front of both zeros, or of none.
    x[x == 3] = 1
    at = draws.integers(1, 4, size=128)
    rows = np.arange(128)
    x[rows, at], x[rows, at + 1], x[rows, at + 2] = 3, 0, 0
    apart = rows[y == 0] if zeros_tell else rows[:0]
    x[apart, at[apart] + 1], x[apart, at[apart] + 3] = 2, 0
    if not zeros_tell:
        x[y == 1, 0] = 3
    if padded:
        x = np.concatenate([x, np.zeros((128, 2), int)], axis=1)
    return x.astype("int32"), y.astype("float32")[:, None]


def read(x, y, masks=True):
    keras.utils.set_random_seed(0)
    given = keras.Input((x.shape[1],), dtype="int32")
    table = layers.Embedding(4, 4, mask_zero=masks, name="table")(given)
    last = layers.Dense(1, "sigmoid")(layers.SimpleRNN(12, name="reader")(table))
    model = keras.Model(given, last)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return ci.diagnose(model, x, y)


@pytest.mark.parametrize("padded", [False, True])
def test_a_word_among_others_that_a_table_masks(padded):
    """Outputs differ, but for what the word tells; without the mask of the graph it is learnt."""
    report = read(*words(True, padded))
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW405", "table"), str(report)
    assert first.treatment is not None
    assert "mask_zero=False" in first.treatment.code, str(report)
    assert first.treatment.healed, str(report)
    assert first.evidence["loss_without_the_mask"] < 0.5 * first.evidence["loss_at_the_end"]


def test_zeros_that_tell_nothing():
    """What is learnt with the mask needs none of them."""
    report = read(*words(False, True))
    assert not [one for one in report.findings if one.layer == "table"], str(report)
