"""Constraints that leave a weight nowhere to go: norms of one number, and bounds without room."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = (0.3 * X[:, :1] - 0.2 * X[:, 1:2]).astype("float32")


def diagnosed(last, x=X, y=Y, rate=0.02):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), last])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return ci.diagnose(model, x, y)


@pytest.mark.parametrize("kind", [keras.constraints.UnitNorm, ci.UnitNorm])
def test_a_norm_of_one_for_a_bias_of_one_number(kind):
    """It is named first, and heals without."""
    report = diagnosed(layers.Dense(1, bias_constraint=kind(), name="last"))
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.weight[-10:]) == ("CW212", "/last/bias"), str(report)
    assert "the sign" in first.message
    assert first.treatment.healed, str(report)
    assert "bias_constraint" not in first.treatment.code


def test_a_norm_of_one_for_units_of_one_number():
    x = X[:, :1]
    last = layers.Dense(3, kernel_constraint=keras.constraints.UnitNorm(0), name="last")
    report = diagnosed(last, x, np.concatenate([0.4 * x, -0.2 * x, x], axis=1))
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW212", "last"), str(report)
    assert first.treatment.healed, str(report)


@pytest.mark.parametrize(
    "given",
    [
        {"units": 1, "bias_constraint": keras.constraints.MaxNorm(2.0)},
        {"units": 1, "bias_constraint": keras.constraints.NonNeg()},
        {"units": 3, "bias_constraint": ci.UnitNorm(), "bias_initializer": "ones"},
    ],
    ids=["largest", "sign", "several"],
)
def test_biases_that_can_move(given):
    report = diagnosed(layers.Dense(**given), y=np.repeat(Y, given["units"], axis=1))
    assert "CW212" not in {finding.code for finding in report.findings}, str(report)


@keras.saving.register_keras_serializable("test_doctor_single_numbers")
class Shares(keras.constraints.Constraint):
    """Each entry at least a bound, and all together one: not both, where it is too high."""

    def __init__(self, low):
        self.low = low

    def __call__(self, w):
        low = 0.5 * self.low
        w = ops.clip(w, low, 1.0)
        return w / ops.sum(w)

    def get_config(self):
        return {"low": self.low}


def shares(low):
    """Of six, which start equal."""
    kernel = {"kernel_initializer": keras.initializers.Constant(1 / 6)}
    return layers.Dense(1, use_bias=False, kernel_constraint=Shares(low), name="last", **kernel)


def test_bounds_that_leave_one_weight_only():
    """It is told from a constraint that rounds, and no grid is advised.

    What the code computes the bound as is not known, so that no numbers are told.
    """
    report = diagnosed(shares(0.4))
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW212", "last"), str(report)
    assert "its bounds leave no others" in first.message
    assert "room" in first.fix
    assert "Grid" not in first.fix


def test_bounds_with_room():
    report = diagnosed(shares(0.01))
    assert "CW212" not in {finding.code for finding in report.findings}, str(report)


@keras.saving.register_keras_serializable("test_doctor_single_numbers")
class Whole(keras.constraints.Constraint):
    """Rounds to whole numbers."""

    def __call__(self, w):
        return ops.clip(ops.round(w), -1, 1)


def test_rounding_is_told_as_such():
    report = diagnosed(layers.Dense(1, kernel_constraint=Whole(), name="last"), rate=0.001)
    first = next(finding for finding in report.findings if finding.code == "CW212")
    assert "rounds away" in first.message
    assert "Grid" in first.fix


@keras.saving.register_keras_serializable("test_doctor_single_numbers")
class AtLeast(keras.constraints.Constraint):
    """Zero in place of what is below a bound."""

    def __call__(self, w):
        return w * ops.cast(w >= 0.1, w.dtype)


def test_entries_set_to_zero_are_told_from_turned_matrices():
    """The advice is that for entries: the end of the interval."""
    start = keras.initializers.RandomUniform(0.05, 0.4, seed=0)
    last = layers.Dense(2, kernel_constraint=AtLeast(), kernel_initializer=start, name="last")
    report = diagnosed(last, y=np.concatenate([Y + X[:, 2:3], -Y], axis=1))
    first = next(finding for finding in report.findings if finding.code == "CW215")
    assert "each entry by itself" in first.fix
    assert "Orthogonal" not in first.fix
