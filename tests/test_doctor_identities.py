"""Batch normalizations that are frozen when they are new."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What is seen are losses of trainings, which no compiler has a part in.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 6)).astype("float32")
Y = np.tanh(X[:, :1] - X[:, 1:2])


def network(size, statistics=(), blocks=5):
    """Blocks that add to what they are given, with frozen normalizations."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    norms, h = [], layers.Dense(8, name="stem")(inputs)
    for i in range(blocks):
        start = keras.initializers.RandomNormal(0.0, size, seed=i)
        norms.append(layers.BatchNormalization(trainable=False, name=f"norm_{i}"))
        inner = norms[-1](layers.Dense(8, kernel_initializer=start)(h))
        h = layers.Add()([h, layers.ReLU()(inner)])
    model = keras.Model(inputs, layers.Dense(1)(h))
    for norm in norms if statistics else ():
        norm.moving_mean.assign(np.full(8, statistics[0]))
        norm.moving_variance.assign(np.full(8, statistics[1]))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "mse")
    return model


def found(model):
    report = ci.diagnose(model, X, Y)
    return [one for one in report.findings if one.code == "CW223"], report


def test_new_ones_that_are_frozen():
    """They normalize nothing, so that the signal grows: named, and healed by training them."""
    model = network(2.0)
    (one,), report = found(model)
    assert one.layer == "norm_0", str(report)
    assert one.evidence["frozen"] == 5
    assert one.treatment is not None
    assert one.treatment.healed, str(report)
    assert not any(layer.trainable for layer in model.layers if "norm" in layer.name)


@pytest.mark.parametrize("kind", ["harmless", "of a model that was trained"])
def test_those_that_do_no_harm(kind):
    """The model trains as it is, or the statistics are those of some data."""
    model = network(0.05) if kind == "harmless" else network(2.0, (0.1, 4.0))
    told, report = found(model)
    assert not told, str(report)
