"""A loss that takes the logarithm of one less a running sum of chances: small models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# An edit of the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
STEP = np.random.default_rng(1).integers(0, 6, size=48)
EVENT = np.eye(6)[STEP]
AT_RISK = np.eye(6)[np.maximum(STEP - 1, 0)] * (STEP > 0)[:, None]
Y = np.concatenate([EVENT, AT_RISK], axis=1).astype("float32")


def of_hazards(y, hazard):
    left = 1.0 - ops.cumsum(hazard, axis=-1)
    return -ops.sum(y[:, :6] * ops.log(hazard) + y[:, 6:] * ops.log(left), axis=-1)


def of_shares(y, share):
    """Of shares that add up to one the sum is meant; what is left at the end is rounding."""
    left = 1.0 - ops.cumsum(share, axis=-1) * 1.000001
    return -ops.sum(y[:, :6] * ops.log(share) + ops.log(left), axis=-1)


def report_of(loss, activation):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, activation)])
    model.compile(keras.optimizers.Adam(0.02), loss)
    return ci.diagnose(model, X, Y)


def test_what_is_left_of_chances_is_their_product():
    first = report_of(of_hazards, "sigmoid").findings[0]
    assert first.code == "CW502"
    assert first.treatment is not None
    assert first.treatment.healed
    assert "+    left = ops.cumprod(1.0 - hazard, axis=-1)" in first.treatment.diff


def test_what_is_left_of_shares_is_one_less_their_sum():
    first = report_of(of_shares, "softmax").findings[0]
    assert first.code == "CW502"
    assert first.treatment is None or "cumprod" not in first.treatment.diff
