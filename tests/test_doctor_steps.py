"""Causes that lie in what the steps add to the gradient: the optimizer's numbers, averages."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = X[:, :1] + 3.0


def sequential(*parts, optimizer, loss="mse", shape=(4,)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer, loss)
    return model


def counted(report):
    return [finding for finding in report.findings if finding.counts]


@pytest.mark.parametrize(
    ("every", "momentum", "rate", "level"),
    [
        (1, 0.99, 0.01, "warning"),
        (1, 0.99, 2.0, "info"),  # the rate makes up for it
        (100, 0.999, 0.01, "warning"),  # not seen in the steps that are taken
        (100, 0.99, 0.01, None),
        (1, 0.5, 0.01, None),
        (None, 0.99, 0.01, None),
    ],
)
def test_an_average_that_overwrites_the_weights(every, momentum, rate, level):
    """It is named where little is left of the steps; without it the loss falls."""
    optimizer = keras.optimizers.Adam(
        rate, use_ema=True, ema_momentum=momentum, ema_overwrite_frequency=every
    )
    layer = layers.Dense(1, **ci.constrained(kernel=ci.UnitNorm()))
    report = ci.diagnose(sequential(layer, optimizer=optimizer), X, Y)
    found = [f for f in report.findings if f.code == "CW305"]
    assert [f.level for f in found] == ([level] if level else []), str(report)
    if level == "warning":
        assert report.findings[0] is found[0], "CW303 comes behind it"
        assert found[0].treatment.healed
        assert found[0].evidence["left"] == pytest.approx({1: 0.01, 100: 0.0487}[every], rel=0.01)


def test_an_overwrite_that_is_not_to_blame_is_not_claimed_to_be_cured():
    """Where the loss does not fall without it either."""
    optimizer = keras.optimizers.SGD(0.0, use_ema=True, ema_overwrite_frequency=1)
    report = ci.diagnose(sequential(layers.Dense(1), optimizer=optimizer), X, Y)
    found = next(f for f in report.findings if f.code == "CW305")
    assert not found.treatment.healed
    assert "as before" in found.treatment.change


@pytest.mark.parametrize(
    ("dtype", "optimizer", "named"),
    [
        ("float16", keras.optimizers.Adam(0.01), True),
        ("float16", keras.optimizers.Adam(0.01, epsilon=1e-3), False),
        ("float16", keras.optimizers.SGD(0.01), False),
        ("mixed_float16", keras.optimizers.Adam(0.01), False),
        ("bfloat16", keras.optimizers.Adam(0.01), False),
        ("float32", keras.optimizers.Adam(0.01), False),
    ],
)
def test_an_epsilon_that_half_precision_does_not_hold(dtype, optimizer, named):
    """Steps hundreds of times as long as the rate; what they break follows from it."""
    config = type(optimizer).from_config(optimizer.get_config())
    parts = layers.Dense(16, "tanh", dtype=dtype), layers.Dense(1, "sigmoid", dtype=dtype)
    model = sequential(*parts, optimizer=config, loss="binary_crossentropy")
    report = ci.diagnose(model, 0.05 * X.astype("float16"), (X[:, :1] > 0).astype("float32"))
    found = counted(report)
    assert [f.code for f in found if f.code == "CW508"] == ["CW508"] * named, str(report)
    if named:
        assert found[0].code == "CW508"
        assert found[0].treatment.healed
        assert "epsilon of 0.001" in found[0].treatment.change
        assert found[0].evidence["times"] > 50
