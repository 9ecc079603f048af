"""Targets that vary by more than bounded kernels let a model do."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What the rule says follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(96, 3)).astype("float32")
SLOPE = np.array([[1.0], [-0.5], [0.5]])
BOUND = ci.SpectralNorm(1.0)


def found_in(targets, last=BOUND, scale=1.0):
    """What is said of the targets of two layers that are bounded."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(16, "leaky_relu", kernel_constraint=BOUND, name="first"),
            layers.Dense(1, kernel_constraint=last, name="last"),
            layers.Rescaling(scale),
        ]
    )
    ci.prepare(model, seed=1)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, X, targets.astype("float32"))
    return [finding for finding in report.findings if finding.code == "CW602"]


@pytest.mark.parametrize("offset", [0.0, 60.0], ids=["centred", "of one sign"])
def test_targets_that_vary_by_more_than_bounded_kernels_let_outputs_do_are_named(offset):
    """Also where the biases take most off the loss, as they come to the mean."""
    (found,) = found_in(20 * X @ SLOPE + offset)
    assert "the kernels are all bounded" in found.message
    assert found.treatment is not None
    assert found.treatment.healed
    assert found.evidence["loss_scaled"] < 0.3


@pytest.mark.parametrize(
    ("targets", "more"),
    [
        (0.5 * X @ SLOPE, {}),
        (3.0 * X @ SLOPE, {}),
        (20 * X @ SLOPE, {"scale": 25.0}),
        (20 * X @ SLOPE, {"last": None}),
        (20 * DRAWS.normal(size=(96, 1)), {}),
    ],
    ids=["near", "a little steeper", "scaled", "free", "noise"],
)
def test_nothing_is_said_of_targets_within_reach(targets, more):
    """Nor of those that nothing can be learnt of."""
    assert not [f for f in found_in(targets, **more) if "bounded" in f.message]
