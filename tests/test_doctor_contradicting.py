"""Constraints whose rules no weight obeys: bounds of each entry, and a sum beyond them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What contradicts is told by the user's Python and by numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

registered = keras.saving.register_keras_serializable("test_doctor_contradicting")

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
SHARES = np.array([[0.4], [0.2], [0.2], [0.1], [0.1], [0.0]])
FLOOR = 0.25


@registered
class Capped(keras.constraints.Constraint):
    def __init__(self, cap):
        self.cap = cap

    def __call__(self, w):
        for _ in range(3):
            w = ops.clip(w, 0.0, self.cap)
            w = w / (ops.sum(w, axis=0, keepdims=True) + 1e-9)
        return w

    def get_config(self):
        return {"cap": self.cap}


@registered
def with_floor(w):
    w = ops.maximum(w, FLOOR)
    return w / ops.sum(w, axis=0, keepdims=True)


@registered
def of_norm(w):
    w = ops.clip(w, -0.3, 0.3)
    return w / ops.norm(w, axis=0, keepdims=True)


@registered
class WithinNorm(keras.constraints.Constraint):
    def __init__(self, bound=1.0):
        self.bound = bound

    def __call__(self, w):
        size = ops.sqrt(ops.sum(ops.square(w)))
        return w * (self.bound / ops.maximum(size, self.bound))

    def get_config(self):
        return {"bound": self.bound}


@registered
def of_norm_one(w):
    return w / ops.maximum(ops.norm(w, axis=0, keepdims=True), 1.0)


@registered
def of_logits(w):
    return ops.softmax(ops.clip(w, -0.1, 0.1), axis=0)


def no_member(constraint, start=1 / 6):
    keras.utils.set_random_seed(0)
    start = keras.initializers.Constant(start) if isinstance(start, float) else start
    kernel = layers.Dense(
        1, kernel_initializer=start, kernel_constraint=constraint, use_bias=False, name="mix"
    )
    model = keras.Sequential([keras.Input((6,)), kernel])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, (X @ SHARES).astype("float32"))
    return [f for f in report.findings if f.code == "CW213"], report


@pytest.mark.parametrize("start", [1 / 6, "random_uniform"])
def test_a_cap_that_shares_can_not_keep(start):
    """Told in numbers, and a cap that leaves room for them lets the weight learn."""
    [found], report = no_member(Capped(0.1), start)
    assert "6 x 0.1 = 0.6 is less" in found.message
    assert "ops.clip(w, 0.0, self.cap) keeps each entry at most 0.1" in found.message
    assert found.treatment.healed, str(report)
    assert "Capped(cap=0.3)" in found.treatment.change
    rest = [f for f in report.findings if f.code == "CW212"]
    assert all(f.cause.startswith("CW213") for f in rest), str(report)


def test_a_floor_that_shares_can_not_keep():
    """Of a function, whose floor is a number of the module, the set that is meant is tried."""
    [found], report = no_member(with_floor)
    assert "ops.maximum(w, FLOOR) keeps each entry at least 0.25" in found.message
    assert "6 x 0.25 = 1.5 is more" in found.message
    assert found.treatment.healed, str(report)
    assert "Simplex" in found.treatment.change


def test_a_cap_that_a_norm_can_not_keep():
    [found], _ = no_member(of_norm)
    assert "sqrt(6) x 0.3 = 0.735 is less" in found.message


@pytest.mark.parametrize(
    "constraint", [Capped(0.4), Capped(1.0), WithinNorm(), of_norm_one, of_logits]
)
def test_bounds_that_leave_room(constraint):
    """Also a clip of logits, which bounds no share, and one of a norm, which bounds no entry."""
    found, report = no_member(constraint)
    assert not found, str(report)
