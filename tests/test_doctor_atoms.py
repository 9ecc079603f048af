"""Rows of the last kernel of a model that is to give what it is given: atoms of a dictionary."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = (DRAWS.normal(size=(64, 5)) @ DRAWS.normal(size=(5, 12)) / 2).astype("float32")


def diagnosed(constraint, x=X, y=X, end=(), whole=False):
    keras.utils.set_random_seed(0)
    code = layers.Dense(20, "relu", name="code")
    last = layers.Dense(y.shape[1], kernel_constraint=constraint, name="atoms")
    model = keras.Sequential([keras.Input(x.shape[1:]), code, last, *end])
    if whole:
        given = keras.Input(x.shape[1:])
        decoder = keras.Sequential([keras.Input((20,)), last])
        model = keras.Model(given, decoder(code(given)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, x, y)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    "constraint", [keras.constraints.UnitNorm(axis=1), keras.constraints.MaxNorm(0.6, axis=1)]
)
def test_rows_of_a_dictionary(constraint, whole):
    report = diagnosed(constraint, whole=whole)
    assert report.ok, str(report)
    note = next(finding for finding in report.findings if finding.code == "CW301")
    assert (note.level, note.layer) == ("info", "atoms")


def test_targets_without_the_noise_of_the_inputs():
    noisy = X + 0.2 * DRAWS.normal(size=X.shape).astype("float32")
    assert diagnosed(keras.constraints.UnitNorm(axis=1), noisy).ok


@pytest.mark.parametrize("y", [X[:, :3], X[::-1].copy()], ids=["others", "shuffled"])
def test_rows_of_a_model_of_other_targets(y):
    report = diagnosed(keras.constraints.UnitNorm(axis=1), y=y)
    found = next(finding for finding in report.findings if finding.counts)
    assert (found.code, found.layer) == ("CW301", "atoms"), str(report)


def test_a_layer_that_is_not_the_last():
    report = diagnosed(keras.constraints.UnitNorm(axis=1), end=[layers.Dense(12)])
    found = next(finding for finding in report.findings if finding.counts)
    assert (found.code, found.layer) == ("CW301", "atoms"), str(report)


def test_rows_that_start_far_outside_are_told_as_that():
    """The axis is not accused; the start is."""
    report = diagnosed(keras.constraints.MaxNorm(0.01, axis=1))
    codes = {finding.code for finding in report.findings if finding.counts}
    assert "CW301" not in codes, str(report)
    assert codes, str(report)
