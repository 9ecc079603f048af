"""Targets in units in which a loss of one's own begins far off are found by a trial."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(120, 4)).astype("float32")
TIMES = np.exp(0.5 * X[:, :1]) * np.random.default_rng(1).weibull(1.5, size=(120, 1))


def squared_lifetimes(y_true, y_pred):
    """The negative log-likelihood of a Weibull law of shape two."""
    scale = ops.softplus(y_pred) + 1e-3
    r = y_true / scale
    return ops.square(r) + ops.log(scale) - ops.log(r + 1e-6)


@pytest.mark.parametrize("unit", [1000.0, 1.0])
def test_times_in_days(unit):
    """Divided by their mean they are learnt, judged in days; in other units there is nothing."""
    keras.utils.set_random_seed(0)
    scale = layers.Dense(1, name="scale")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), scale])
    model.compile(keras.optimizers.Adam(0.1), squared_lifetimes)
    report = ci.diagnose(model, X, (unit * TIMES).astype("float32"))
    found = [one for one in report.findings if one.code == "CW602"]
    assert bool(found) == (unit > 1), str(report)
    for first in found:
        assert first.treatment is not None, str(report)
        assert first.treatment.healed, str(report)
        assert first.treatment.code.startswith("y = y / "), str(report)
