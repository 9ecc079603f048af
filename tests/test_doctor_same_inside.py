"""Starts outside of their sets with which the model gives the same as inside of them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

TURN = 2 * np.pi
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_same_inside")
class OneTurn(keras.constraints.Constraint):
    """Phases from zero to one turn."""

    def __call__(self, w):
        return w - TURN * ops.floor(w / TURN)


@keras.saving.register_keras_serializable("test_doctor_same_inside")
class FromZero(keras.constraints.Constraint):
    """Phases from zero on."""

    def __call__(self, w):
        return ops.maximum(w, 0.0)


@keras.saving.register_keras_serializable("test_doctor_same_inside")
class Waves(layers.Layer):
    """Waves with a phase each."""

    def __init__(self, constraint, **kwargs):
        super().__init__(**kwargs)
        self.constraint = keras.constraints.get(constraint)

    def build(self, shape):
        draw = keras.initializers.RandomUniform(-6.0, 6.0, seed=1)
        self.phase = self.add_weight(
            shape=shape[-1:], initializer=draw, constraint=self.constraint, name="phase"
        )

    def call(self, x):
        return ops.cos(x + self.phase)

    def get_config(self):
        held = keras.constraints.serialize(self.constraint)
        return {**super().get_config(), "constraint": held}


def levels_of(constraint, last="glorot_uniform"):
    keras.utils.set_random_seed(0)
    parts = [Waves(constraint), layers.Dense(1, kernel_initializer=last)]
    model = keras.Sequential([keras.Input((3,)), *parts])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, np.cos(X[:, :1] + 1).astype("float32"))
    return {one.code: one.level for one in report.findings if one.code in ("CW101", "CW102")}


def test_a_start_that_is_the_same_inside_is_a_note():
    """Phases that are taken back by whole turns."""
    assert levels_of(OneTurn()) == {"CW101": "info", "CW102": "info"}


@pytest.mark.parametrize(
    ("constraint", "last"), [(FromZero(), "glorot_uniform"), (FromZero(), "zeros")]
)
def test_a_start_that_is_another_inside_is_a_warning(constraint, last):
    """Also where zeros behind it hide what it gives."""
    assert levels_of(constraint, last)["CW101"] == "warning"
