"""Tables of the user's own whose rows are picked as the nearest, in small models."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Trials of trainings on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(8, 12))
X = (CENTERS[RNG.integers(0, 8, size=160)] + 0.1 * RNG.normal(size=(160, 12))).astype("float32")


class Codes(layers.Layer):
    """The nearest row of a table for each example, with a gradient straight through."""

    def __init__(self, wide, rows=32, by_products=False, **others):
        super().__init__(**others)
        self.wide, self.rows, self.by_products = wide, rows, by_products

    def build(self, shape):
        start = keras.initializers.RandomNormal(stddev=self.wide, seed=3)
        shape = (self.rows, shape[-1])
        self.codes = self.add_weight(name="codes", shape=shape, initializer=start)

    def call(self, z):
        if self.by_products:
            products = ops.matmul(z, ops.transpose(self.codes))
            at = ops.argmax(products - ops.sum(ops.square(self.codes), axis=-1) / 2, axis=-1)
        else:
            far = ops.sum(ops.square(z[:, None] - self.codes), axis=-1)
            at = ops.argmin(far, axis=1)
        q = ops.take(self.codes, at, axis=0)
        self.add_loss(ops.mean(ops.square(q - ops.stop_gradient(z))))
        self.add_loss(0.25 * ops.mean(ops.square(ops.stop_gradient(q) - z)))
        return z + ops.stop_gradient(q - z)


def coded(own):
    keras.utils.set_random_seed(0)
    small = keras.initializers.RandomNormal(stddev=0.01, seed=1)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(8, kernel_initializer=small),
            own,
            layers.Dense(32, "relu"),
            layers.Dense(12),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


@pytest.mark.parametrize("by_products", [False, True])
def test_rows_that_start_far_too_wide(by_products):
    """How many are picked and both deviations are told, and a start as wide as the input heals."""
    report = ci.diagnose(coded(Codes(5.0, by_products=by_products, name="own")), X, X)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW403", "own"), str(report)
    assert first.weight.endswith("own/codes")
    assert first.evidence["spread"] > 4 * first.evidence["spread_of_input"]
    assert first.treatment is not None
    assert first.treatment.healed, str(report)
    assert "codes.assign(" in first.treatment.code
    assert not [one for one in report.findings if one.code == "CW609"], str(report)


QUIET = {"fitting": lambda: Codes(0.03), "few rows": lambda: Codes(3.0, rows=4)}


@pytest.mark.parametrize("name", QUIET)
def test_tables_that_are_picked_from(name):
    report = ci.diagnose(coded(QUIET[name]()), X, X)
    assert not [one for one in report.findings if "spread_of_input" in one.evidence], str(report)
