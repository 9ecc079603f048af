"""Vectors of a constraint that act along the last axis, and that another axis is as long for."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is tried is the user's Python and a training, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

registered = keras.saving.register_keras_serializable("test_doctor_constant_axes")

SIGNS = [-1.0, 1.0, 1.0, -1.0, -1.0, 1.0]
PARTS = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0], "float32")
DRAWS = np.random.default_rng(1)
X = DRAWS.normal(size=(128, 6)).astype("float32")
SIZES = 0.2 + np.abs(DRAWS.normal(size=(6, 6)))


@registered
class Signed(keras.constraints.Constraint):
    def __init__(self, signs):
        self.signs = signs

    def __call__(self, w):
        signs = ops.cast(ops.array(self.signs), w.dtype)
        return signs * ops.relu(signs * w)

    def get_config(self):
        return {"signs": self.signs}


@registered
def signed_by_a_list(w):
    return w * ops.array(PARTS)


@registered
def by_rows(w):
    signs = ops.reshape(ops.array(SIGNS), (-1, 1))
    return signs * ops.relu(signs * w)


def wrong_axes(constraint, right):
    keras.utils.set_random_seed(0)
    kernel = layers.Dense(6, kernel_constraint=constraint, name="effects")
    model = keras.Sequential([keras.Input((6,)), kernel])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, X, (X @ (SIZES * right)).astype("float32"))
    return [f for f in report.findings if f.code == "CW301" and f.level != "info"], str(report)


@pytest.mark.parametrize(
    ("constraint", "right", "name"),
    [
        (Signed(SIGNS), np.array(SIGNS)[:, None], "self.signs"),
        (signed_by_a_list, PARTS[:, None], "PARTS"),
    ],
)
def test_a_number_for_each_input_that_acts_along_the_units(constraint, right, name):
    """It is named, and laid out along the inputs in the user's code."""
    [found], text = wrong_axes(constraint, right)
    assert found.weight.endswith("effects/kernel")
    assert f"takes {name}, of 6 numbers" in found.message
    assert (found.evidence["axis"], found.evidence["unit_axes"]) == ([1], [0])
    assert found.treatment.healed, text
    assert "(-1, 1))" in found.treatment.diff


@pytest.mark.parametrize(
    ("constraint", "right"),
    [
        (Signed(SIGNS), np.array(SIGNS)),
        (signed_by_a_list, PARTS),
        (by_rows, np.array(SIGNS)[:, None]),
        # Neither of the axes is that of these signs.
        (Signed(SIGNS), DRAWS.choice([-1.0, 1.0], (6, 6))),
        (Signed([1.0] * 6), -1.0),
    ],
)
def test_a_vector_that_acts_as_it_is_meant_to(constraint, right):
    found, text = wrong_axes(constraint, right)
    assert not found, text
