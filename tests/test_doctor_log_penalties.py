"""Penalties on weights for which zero is not nothing, as logarithms of effects."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from trainings, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

CHANNELS = 30
DRAWS = np.random.default_rng(7)
X = DRAWS.gamma(2.0, 0.5, size=(160, CHANNELS)).astype("float32")
EFFECTS = np.zeros((CHANNELS, 1))
EFFECTS[[3, 11, 24]] = [[0.9], [0.6], [0.7]]
Y = (X @ EFFECTS).astype("float32")
Y -= Y.mean()


class Effects(layers.Layer):
    """The sum of effects of one sign, by a map of free weights."""

    def __init__(self, over, start, penalty, **kwargs):
        super().__init__(**kwargs)
        self.over, self.start, self.penalty = over, start, penalty

    def build(self, shape):
        start = keras.initializers.RandomNormal(self.start, 0.3, seed=4)
        self.free = self.add_weight(
            name="free", shape=(shape[-1], 1), initializer=start, regularizer=self.penalty
        )
        self.base = self.add_weight(name="base", shape=(1,), initializer="zeros")

    def call(self, x):
        return ops.matmul(x, self.over(self.free)) + self.base


def penalties(over, start, strength):
    keras.utils.set_random_seed(0)
    penalty = keras.regularizers.L2(strength) if strength else None
    model = keras.Sequential(
        [keras.Input((CHANNELS,)), Effects(over, start, penalty, name="effects")]
    )
    model.compile(keras.optimizers.Adam(0.03), "mse")
    report = ci.diagnose(model, X, Y)
    return [f for f in report.findings if f.code == "CW609"], str(report)


@pytest.mark.parametrize(("over", "start"), [(ops.exp, -3.5), (ops.softplus, -3.0)])
def test_a_penalty_on_the_logarithm_of_effects(over, start):
    """It pulls each effect to what the map makes of zero, and training without it is tried."""
    [found], text = penalties(over, start, 0.03)
    assert "zero is not nothing" in found.message, text
    assert found.evidence["data_loss_at_zero"] > 4 * found.evidence["data_loss"]
    assert found.treatment.healed, text
    assert "self.add_weight(..., regularizer=None)" in found.treatment.code


@pytest.mark.parametrize(
    ("over", "start", "strength"),
    [(ops.exp, -3.5, 1e-4), (ops.exp, -3.5, 0), (lambda w: w, 0.0, 1e-3), (ops.square, 0.2, 1e-3)],
    ids=["weak", "none", "to no effect", "of squares"],
)
def test_penalties_that_do_no_harm(over, start, strength):
    found, text = penalties(over, start, strength)
    assert not found, text
