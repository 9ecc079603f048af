"""Codes of categories that were scaled with the measurements beside them."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What is seen are numbers of the data, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
CODES = np.stack([DRAWS.integers(0, 5, 64), DRAWS.integers(0, 7, 64)], 1)
EFFECT = DRAWS.normal(size=(12, 1))
Y = (EFFECT[CODES[:, 0]] + EFFECT[5 + CODES[:, 1]]).astype("float32")


def report_of(codes, rows):
    keras.utils.set_random_seed(0)
    given = keras.Input((2,))
    read = layers.Flatten()(layers.Embedding(rows, 4, name="table")(given))
    model = keras.Model(given, layers.Dense(1)(read))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return ci.diagnose(model, codes.astype("float32"), Y)


def standardized(codes):
    return (codes - codes.mean(axis=0)) / codes.std(axis=0)


@pytest.mark.parametrize(("scaled", "first"), [
    (CODES / CODES.max(axis=0), "[0, 5]"),
    (standardized(CODES), "[0, 5]"),
    (np.add(CODES, [1, 0]) / 8, "[0, 0]"),
], ids=["each to one", "to a deviation of one", "all by one number"])  # fmt: skip
def test_scaled_codes_are_brought_back(scaled, first):
    """Columns by themselves are told apart; what has been divided alone keeps its numbers."""
    [found] = [f for f in report_of(scaled, 12).findings if f.code == "CW414"]
    assert found.treatment is not None
    assert found.treatment.healed, found.treatment.change
    assert found.treatment.code.endswith(f"/ step) + {first}")


def test_what_lies_on_no_grid_is_not_numbered():
    """Of measurements no codes are made, nor of more codes than the table has rows."""
    for scaled, rows in ((DRAWS.normal(size=(64, 2)), 12), (standardized(CODES), 9)):
        [found] = [f for f in report_of(scaled, rows).findings if f.code == "CW414"]
        assert found.treatment is None
