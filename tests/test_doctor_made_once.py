"""Layers that a `call` makes anew each time are made once, and then they learn."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


@keras.saving.register_keras_serializable("made_once")
class Encode(layers.Layer):
    """Two layers in `call`, one of them of what the constructor was given."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def call(self, x):
        h = layers.Dense(self.units, activation="relu")(x)
        out = layers.Dense(4, kernel_constraint=ci.NonNegative())
        return out(h)

    def compute_output_shape(self, shape):
        return (*shape[:-1], 4)


class Net(keras.Model):
    """A whole model that makes its layers in `call`, without a constructor."""

    def call(self, x):
        return layers.Dense(1)(layers.BatchNormalization()(x))


class Widths(layers.Layer):
    """A layer that is made of what only `call` knows."""

    def call(self, x):
        return x + layers.Dense(x.shape[-1])(x)


class Turns(layers.Layer):
    """A layer of its own in each turn of a loop."""

    def call(self, x):
        for _ in range(2):
            x = layers.Dense(4)(x)
        return x


def diagnosed(model):
    keras.utils.set_random_seed(0)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    return ci.diagnose(model, x, x.sum(axis=1, keepdims=True))


def in_front_of_a_unit(part):
    return keras.Sequential([keras.Input((6,)), part, layers.Dense(1)])


@pytest.mark.parametrize("whole", [False, True])
def test_layers_that_each_call_makes(whole):
    """Tried as attributes that the constructor makes, they are trained."""
    model = Net() if whole else in_front_of_a_unit(Encode(name="own"))
    report = diagnosed(model)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW407", model.name if whole else "own"), str(report)
    assert first.treatment.healed, str(report)
    new = ["self.batch_normalization = layers.BatchNormalization()", "self.dense = layers.Dense(1)"]
    if not whole:
        new = [
            'self.dense = layers.Dense(self.units, activation="relu")',
            "self.dense_2 = layers.Dense(4, kernel_constraint=ci.NonNegative())",
        ]
    added = [line for line in first.treatment.diff.splitlines() if line.startswith("+")]
    assert all(any(line.endswith(one) for line in added) for one in new), first.treatment.diff
    assert "super().__init__(**kwargs)" in " ".join(added) or not whole
    assert len(model.trainable_weights) == (0 if whole else 2)


@pytest.mark.parametrize("kind", [Widths, Turns])
def test_layers_of_what_only_the_call_knows_stay(kind):
    """One attribute can not stand for them, and nothing is claimed to have been tried."""
    own = kind(name="own")
    first = diagnosed(in_front_of_a_unit(own)).findings[0]
    assert (first.code, first.layer, first.treatment) == ("CW407", "own", None)
