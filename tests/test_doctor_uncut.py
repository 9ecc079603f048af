"""Weights that `stop_gradient` keeps from learning: a fault where they would learn far more."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(128, 6)).astype("float32")
WAY = np.array([1.0, -1.0, 0.5, 0.0, 0.0, -0.5])


@keras.saving.register_keras_serializable("test_doctor_uncut")
class Features(layers.Layer):
    """Features whose result is kept from a gradient."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")

    def call(self, x):
        h = ops.tanh(ops.matmul(x, self.w))
        return ops.stop_gradient(h)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("test_doctor_uncut")
class Scaled(layers.Layer):
    """A scale that is kept from a gradient, and a kernel that is not."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        return ops.stop_gradient(self.scale) * ops.tanh(ops.matmul(x, self.w))


def found_in(layer, ends=1, scale=2.0):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6,)), layer, *[layers.Dense(1)] * ends])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    report = ci.diagnose(model, X, (scale * np.tanh(X @ WAY))[:, None].astype("float32"))
    return [f for f in report.findings if f.code == "CW503"], str(report)


@pytest.mark.parametrize("layer", [Features(1, name="own"), Scaled(name="own")], ids=["all", "one"])
def test_what_would_learn_far_more_without_the_cut_is_a_warning(layer):
    """With the line, and without `stop_gradient` in it, which was tried."""
    is_one = isinstance(layer, Scaled)
    found, text = found_in(layer, 0 if is_one else 1, 20.0 if is_one else 2.0)
    assert [one.level for one in found] == ["warning"], text
    assert found[0].weight.endswith("own/scale" if is_one else "own/w")
    assert found[0].source is not None
    assert "stop_gradient" in found[0].source.text
    assert found[0].evidence["loss_without_cut"] < found[0].evidence["loss_at_the_end"]
    assert found[0].treatment is not None
    assert found[0].treatment.healed, text
    kept = "self.scale * ops.tanh(ops.matmul(x, self.w))" if is_one else "h"
    assert f"+        return {kept}\n" in found[0].treatment.diff


def test_features_that_are_enough_as_they_are_stay_a_note():
    """Many random ones, of which the last layer learns as well."""
    found, text = found_in(Features(200, name="own"))
    assert [one.level for one in found] == ["info"], text
