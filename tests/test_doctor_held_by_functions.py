"""Weights that a function reads from outside of its layer."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
CENTERS = 2 * DRAWS.normal(size=(6, 8))
LABELS = DRAWS.integers(0, 6, 96).astype("int32")
X = (CENTERS[LABELS] + 0.3 * DRAWS.normal(size=(96, 8))).astype("float32")


def cosines_times(last):
    keras.utils.set_random_seed(0)
    kernel = ci.constrained(kernel=ci.UnitNorm(axis=0))
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(12, "relu"),
            layers.UnitNormalization(),
            layers.Dense(6, use_bias=False, **kernel),
            last,
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss)
    return model


def hidden_in(last):
    found = ci.diagnose(cosines_times(last), X, LABELS).findings
    return [finding for finding in found if finding.code == "CW413"]


def closed_over(**given):
    sharp = keras.Variable(1.0, name="sharp", **given)
    return sharp, lambda z: z * sharp


SHARP = keras.Variable(1.0, name="global_sharp")


def by_a_global(z):
    return SHARP * z


def by_a_default(z, sharp=keras.Variable(1.0, name="default_sharp")):  # noqa: B008
    return sharp * z


@pytest.mark.parametrize("function", [closed_over()[1], by_a_global, by_a_default])
@pytest.mark.parametrize("kind", ["lambda", "activation"])
def test_what_a_function_reads_from_outside_is_named(function, kind):
    """Trained with the others it lets the loss fall farther; it is left as it was."""
    last = layers.Lambda(function) if kind == "lambda" else layers.Activation(function)
    (finding,) = hidden_in(last)
    assert finding.level == "warning"
    assert finding.layer == last.name
    assert "add_weight" in finding.fix
    assert finding.treatment.healed
    assert float(ops.convert_to_numpy(SHARP)) == 1.0
    assert not last.trainable_variables


def test_what_is_not_trained_is_not_told_of():
    """A constant may be kept anywhere."""
    assert not hidden_in(layers.Lambda(closed_over(trainable=False)[1]))


def test_what_training_would_not_help_is_a_note():
    """A number near one that another trained scale stands beside, as a callback may set it."""
    near = keras.Variable(1.0)
    found = hidden_in(layers.Lambda(lambda z: 20.0 * z + 1e-3 * near))
    assert [finding.level for finding in found] == ["info"]


@keras.saving.register_keras_serializable("test_doctor_held_by_functions")
class Sharp(layers.Layer):
    """The same by a weight of its own."""

    def build(self, shape):
        self.sharp = self.add_weight(shape=(), initializer="ones")

    def call(self, z):
        return z * self.sharp


def test_nothing_is_said_of_a_weight_of_the_layer():
    """Which a function may call, too."""
    inner = Sharp()
    assert not hidden_in(inner)
