"""Weights in half precision whose updates are rounded away."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 8)).astype("float32")
Y = np.abs(X[:, :4]).sum(axis=1, keepdims=True)


def diagnosed(dtype, optimizer):
    keras.utils.set_random_seed(0)
    inner = layers.Dense(16, "relu", dtype=dtype, **ci.constrained(kernel=ci.MaxNorm(3)))
    scaled = layers.LayerNormalization(dtype=dtype, name="scaled")
    model = keras.Sequential([keras.Input((8,)), inner, scaled, layers.Dense(1, dtype=dtype)])
    model.compile(optimizer, "mse")
    return [f for f in ci.diagnose(model, X, Y).findings if f.counts]


def test_a_decay_of_adam_that_is_one_in_bfloat16():
    """It is told first, of every weight; weights in float32 heal, and are seen to move."""
    first, *others = diagnosed("bfloat16", keras.optimizers.Adam(1e-3))
    assert first.code == "CW506"
    assert "beta_2=0.999 of the optimizer is 1 in bfloat16" in first.message
    assert first.treatment.healed
    assert 'dtype="mixed_bfloat16"' in first.treatment.code
    assert first.treatment.after["moved"] > 0
    assert {f.code for f in others if not f.cause} == {"CW506"}


def test_steps_below_the_spacing_of_the_numbers_at_one():
    """Of the scales alone, which start at one: the kernels have small entries, which move."""
    found = diagnosed("bfloat16", keras.optimizers.Adam(1e-3, beta_2=0.98))
    own = [f for f in found if f.code == "CW506"]
    assert [f.weight.split("/")[-2:] for f in own] == [["scaled", "gamma"]]
    assert (
        "the numbers of bfloat16 are 0.0078 apart at the size of its entries, 1" in own[0].message
    )
    assert own[0].treatment.healed
    assert own[0].treatment.after["moved"] > 0


@pytest.mark.parametrize(
    ("dtype", "optimizer"),
    [
        ("mixed_bfloat16", keras.optimizers.Adam(1e-3)),
        ("bfloat16", keras.optimizers.SGD(0.05)),
        ("float32", keras.optimizers.Adam(1e-3)),
    ],
    ids=["mixed", "large", "single"],
)
def test_updates_that_are_not_rounded_away(dtype, optimizer):
    assert not diagnosed(dtype, optimizer)


def test_no_cure_where_the_loss_does_not_fall():
    """Weights move in float32, by a rate with which nothing is learnt."""
    found = diagnosed("bfloat16", keras.optimizers.Adam(1e-30))
    own = [f for f in found if f.code == "CW506"]
    assert own
    assert not any(f.treatment is not None and f.treatment.healed for f in own)


def shares(betas, dtype):
    """Shares of a sum that start alike, of funds that vary by so much."""
    keras.utils.set_random_seed(0)
    draws = np.random.default_rng(0)
    x = np.float32(betas) * draws.normal(size=(256, 1)) + 0.3 * draws.normal(size=(256, 6))
    even = keras.initializers.Constant(1 / 6)
    funds = layers.Dense(
        1, use_bias=False, kernel_initializer=even, kernel_constraint=ci.Simplex(), dtype=dtype
    )
    model = keras.Sequential([keras.Input((6,)), funds])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    report = ci.diagnose(model, x.astype("float32"), np.zeros((256, 1), "float32"))
    return [f for f in report.findings if f.code == "CW506"]


APART, NEAR = [0.2, 0.5, 0.8, 1.1, 1.4, 1.6], [0.9, 0.95, 1.0, 1.05, 1.07, 1.1]


def test_what_a_set_takes_back_is_no_movement():
    """In float32 Adam moves all alike, which the sum takes back: only steps of SGD are a cure."""
    [found] = shares(APART, "bfloat16")
    assert found.treatment.healed
    assert "keras.optimizers.SGD" in found.treatment.code


def test_shares_that_float32_moves_by_rounding_only():
    """They change as the sum of the rounded start is not one, and by no step."""
    [found] = shares(NEAR, "bfloat16")
    assert not found.treatment.healed
    assert "takes back all that each of" in found.treatment.change


def test_shares_in_float32_lose_no_update():
    assert not shares(APART, "mixed_bfloat16")
