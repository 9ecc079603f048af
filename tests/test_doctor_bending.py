"""Targets that bend down where a model can only bend up."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What the rule says follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).uniform(-2, 2, (96, 2)).astype("float32")
SATURATES = 3 * np.tanh(2 * (X[:, :1] + 1)) + X[:, 1:]


def found_in(targets, activation="relu", constraint="non_neg"):
    """What is said of two layers, the kernels of which may not be negative."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(16, activation, kernel_constraint=constraint, name="first"),
            layers.Dense(1, kernel_constraint=constraint, name="last"),
        ]
    )
    draws = np.random.default_rng(1)
    model.set_weights([draws.uniform(0, 0.5, w.shape) for w in model.get_weights()])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, X, targets.astype("float32"))
    return [finding for finding in report.findings if finding.code == "CW619"]


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_targets_that_bend_down_where_the_model_can_not_are_named(activation):
    """With the layers whose activation it is, and what was tried."""
    (found,) = found_in(SATURATES, activation)
    assert (found.layer, "first" in found.fix) == ("first", True)
    assert found.treatment is not None
    assert found.treatment.healed
    assert found.treatment.change == "tanh as the activation of first"
    assert found.evidence["loss_with_tanh"] < found.evidence["loss_as_it_is"] / 3


@pytest.mark.parametrize(
    ("targets", "more"),
    [
        (np.exp(X[:, :1]) + X[:, 1:], {}),
        (X.sum(axis=1, keepdims=True), {}),
        (SATURATES, {"activation": "tanh"}),
        (SATURATES, {"constraint": None}),
        (X[:, :1] + np.random.default_rng(2).normal(size=(96, 1)), {}),
    ],
    ids=["bends up", "straight", "tanh", "free", "noise"],
)
def test_nothing_is_said_of_a_model_that_bends_as_its_targets_do(targets, more):
    """Nor of targets that bend nowhere, or models that bend both ways."""
    assert not found_in(targets, **more)
