"""Constraints that compare their weight: what they return, and what they leave of it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._edit_slips import times_the_weight

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

registered = keras.saving.register_keras_serializable("test_doctor_compared")

DRAWS = np.random.default_rng(0)
X = DRAWS.uniform(size=(64, 5)).astype("float32")
Y = (X @ np.array([[0.8], [0.5], [0.0], [0.2], [0.0]])).astype("float32")


@registered
def mask_alone(w):
    keep = ops.cast(w >= 0.0, w.dtype)
    return keep


@registered
def times_its_mask(w):
    return w * ops.cast(w >= 0.0, w.dtype)


def first_of(constraint, start):
    keras.utils.set_random_seed(0)
    dense = layers.Dense(1, kernel_constraint=constraint, kernel_initializer=start)
    model = keras.Sequential([keras.Input((5,)), dense])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, X, Y)
    return [f for f in report.findings if f.code == "CW212"], str(report)


UNIFORM = keras.initializers.RandomUniform(0.0, 0.1, seed=1)


def test_a_mask_in_place_of_the_weight():
    """The reason is told, and no division by itself; the weight times the mask is tried."""
    [found], text = first_of(mask_alone, UNIFORM)
    assert "0 or 1 for each number, as a comparison" in found.message
    assert "axis" not in found.evidence
    assert found.treatment.healed, text
    assert "+    return w * keep" in found.treatment.diff
    assert first_of(times_its_mask, UNIFORM)[0] == []


@pytest.mark.parametrize(
    ("body", "last"),
    [
        ("return ops.cast(ops.greater(w, 0), 'float32')",) * 2,
        ("return (w > 0) * 1.0", "return w * ((w > 0) * 1.0)"),
        ("w = ops.cast(w > 0, w.dtype)\n    return w", "w = w * ops.cast(w > 0, w.dtype)"),
        ("w = ops.abs(w)\n    return ops.cast(w > 0, w.dtype)", None),
        ("return ops.round(w)", None),
    ],
)
def test_where_the_weight_is_multiplied(body, last):
    done = times_the_weight(f"def keep(w):\n    {body}\n")
    if last == body:
        last = body.replace("return ", "return w * ")
    assert done is None if last is None else last in done[1]


@registered
class Pruned(keras.constraints.Constraint):
    """Small weights are zero."""

    def __init__(self, threshold):
        self.threshold = threshold

    def __call__(self, w):
        return w * ops.cast(ops.abs(w) > self.threshold, w.dtype)

    def get_config(self):
        return {"threshold": self.threshold}


def test_a_threshold_that_no_weight_is_above():
    """That all becomes zero is told, and a smaller threshold is tried; one that fits is quiet."""
    start = keras.initializers.Constant(np.linspace(0.01, 0.09, 5)[:, None])
    [found], text = first_of(Pruned(0.2), start)
    assert "makes all of its 5 numbers zero at the first step" in found.message
    assert found.treatment.healed, text
    assert found.treatment.change.startswith("threshold=0.02 in place of 0.2")
    assert first_of(Pruned(0.01), start)[0] == []
