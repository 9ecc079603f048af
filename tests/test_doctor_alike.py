"""Steps that a constraint takes back as the optimizer moves all weights of a unit alike."""

import keras
import numpy as np
import pytest

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)


@keras.saving.register_keras_serializable("test_doctor_alike")
class Invested(keras.constraints.Constraint):
    """The shares of a sum, by moving all alike."""

    def __call__(self, w):
        w = keras.ops.relu(w + (1.0 - keras.ops.sum(w)) / w.shape[0])
        return w / keras.ops.sum(w)


def of_least_variance(constraint, optimizer, betas):
    """Shares of funds whose sum is to vary least, from equal ones."""
    x = np.float32(betas) * DRAWS.normal(size=(256, 1)) + 0.3 * DRAWS.normal(size=(256, 6))
    even = keras.initializers.Constant(1 / 6)
    layer = keras.layers.Dense(
        1, use_bias=False, kernel_initializer=even, kernel_constraint=constraint
    )
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile(optimizer, "mse")
    return model, x.astype("float32"), np.zeros((256, 1), "float32")


@pytest.mark.parametrize("constraint", [ci.Simplex(), Invested()], ids=["ours", "own"])
def test_shares_that_adam_can_not_move(constraint):
    """Of gradients of one sign Adam makes equal steps, which the sum takes back."""
    model, x, y = of_least_variance(
        constraint, keras.optimizers.Adam(0.01), [0.2, 0.5, 0.8, 1.1, 1.4, 1.6]
    )
    report = ci.diagnose(model, x, y)
    first = next(f for f in report.findings if f.counts)
    assert first.code == "CW212", str(report)
    assert "SGD" in first.treatment.code
    assert first.treatment.healed, str(report)


@pytest.mark.parametrize(
    ("optimizer", "betas"),
    [
        (keras.optimizers.SGD(0.02), [0.2, 0.5, 0.8, 1.1, 1.4, 1.6]),
        (keras.optimizers.Adam(0.01), [1.0] * 6),
    ],
    ids=["steps along the gradient", "at the best shares"],
)
def test_shares_that_move_or_need_not(optimizer, betas):
    """Equal shares of equal funds are best: the gradient is at a right angle to the sum."""
    report = ci.diagnose(*of_least_variance(ci.Simplex(), optimizer, betas))
    assert "CW212" not in [f.code for f in report.findings], str(report)
