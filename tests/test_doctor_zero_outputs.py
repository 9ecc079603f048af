"""A ReLU at the end whose zeros the loss divides by."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is told follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(96, 4)).astype("float32")
Y = X[:, :1] + (0.1 + 0.3 * np.abs(X[:, 1:2])) * DRAWS.normal(size=(96, 1))
COUNTS = DRAWS.poisson(np.exp(0.5 * X[:, :1]))


def normal(least):
    """The likelihood of a mean and a variance, to which a number is added."""

    def loss(y, given):
        variance = given[:, 1:] + least
        return ops.log(variance) + ops.square(y - given[:, :1]) / variance

    return loss


def laplace(y, given):
    """That of a middle and a width."""
    width = given[:, 1:] + 1e-5
    return ops.log(width) + ops.abs(y - given[:, :1]) / width


def clipped(y, given):
    """That of a deviation that is a tenth at least."""
    deviation = ops.maximum(given[:, 1:], 0.1)
    return ops.log(deviation) + 0.5 * ops.square((y - given[:, :1]) / deviation)


def diagnosed(loss, activation="relu", middle=True, y=Y):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    inner = layers.Dense(16, "tanh", kernel_constraint=keras.constraints.MaxNorm(3.0))(x)
    given = layers.Dense(1, activation, name="width")(inner)
    if middle:
        given = layers.Concatenate()([layers.Dense(1)(inner), given])
    model = keras.Model(x, given)
    model.compile(keras.optimizers.Adam(0.003), loss)
    return ci.diagnose(model, X, y)


@pytest.mark.parametrize("loss", [normal(1e-6), laplace])
def test_a_width_of_zero(loss):
    """An error costs more than all others there, and no gradient takes the width up."""
    report = diagnosed(loss)
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW308", "width"), str(report)
    assert 0.2 < first.evidence["share"] < 0.8
    assert first.evidence["softplus_loss_after"] < 0.1 * first.evidence["loss_after"]
    assert first.treatment is not None
    assert first.treatment.healed, str(report)
    assert 'keras.layers.Dense(1, activation="softplus", name="width")' in first.treatment.code


@pytest.mark.parametrize(
    "given",
    [
        {"loss": normal(1e-6), "activation": "softplus"},
        {"loss": normal(1e-2)},
        {"loss": clipped},
        {"loss": "mse", "middle": False, "y": COUNTS},
        {"loss": "poisson", "middle": False, "y": COUNTS},
    ],
    ids=["softplus", "a large number", "clipped", "counts", "rates"],
)
def test_zeros_that_nothing_is_divided_by(given):
    report = diagnosed(**given)
    assert "CW308" not in {finding.code for finding in report.findings}, str(report)
