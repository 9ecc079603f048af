"""Weights in half precision whose updates are rounded away."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

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
