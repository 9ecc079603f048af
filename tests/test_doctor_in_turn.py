"""Several faults of constraints: each is told its own change, and what one uncovers is followed."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")

registered = keras.saving.register_keras_serializable("test_doctor_in_turn")


def diagnosed(*constraints, **first):
    """A model with a layer for each of some constraints."""
    keras.utils.set_random_seed(0)
    given = [first, *({} for _ in constraints[1:])]
    hidden = [
        layers.Dense(8 - at, "relu", kernel_constraint=one, name=f"layer_{at}", **more)
        for at, (one, more) in enumerate(zip(constraints, given, strict=True))
    ]
    model = keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(1)])
    model.compile("adam", "mse")
    return ci.diagnose(model, X, X[:, :1])


def of(report, code, layer):
    return next(f for f in report.findings if (f.code, f.layer) == (code, layer))


@registered
class OfRows(keras.constraints.Constraint):
    def __call__(self, w):
        return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=1)))


@registered
class OfATable(keras.constraints.Constraint):
    """No edit is known of what it needs."""

    def __call__(self, w):
        return w * {"scale": 1.0}["size"]


@registered
class ByItem(keras.constraints.Constraint):
    def __call__(self, w):
        w[w < 0] = 0.0
        return w


def test_each_finding_shows_the_change_of_its_own_code():
    """What has no edit shows none, and not that of another class."""
    report = diagnosed(OfRows(), OfATable(), ByItem())
    mended, left, by_item = (of(report, "CW201", f"layer_{at}").treatment for at in range(3))
    assert [mended.healed, by_item.healed] == [True, True], str(report)
    changed = [
        [row for row in one.diff.splitlines() if row[:2] == "- "] for one in (mended, by_item)
    ]
    assert "axis=1" in changed[0][0]
    assert "w[w < 0]" in changed[1][0]
    assert [len(rows) for rows in changed] == [1, 1]
    assert left is None, str(report)
    assert diagnosed(OfATable()).findings[0].treatment is None
