"""Vectors whose entries start alike, of whose neighbours a layer takes differences."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rule says follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=8)

registered = keras.saving.register_keras_serializable("test_doctor_equal_entries")

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(128, 4)).astype("float32")
SCORE = X @ np.array([1.0, -0.5, 0.5, 0.2])
GRADES = np.digitize(SCORE, [-1.2, -0.4, 0.4, 1.2]).astype("int32")


@registered
def ascending(w):
    return ops.sort(w)


def steps(shape, dtype=None):
    return ops.broadcast_to(ops.linspace(-2.0, 2.0, shape[-1]), shape)


class Between(layers.Layer):
    """What lies between neighbouring thresholds."""

    def __init__(self, start, shape=(4,), constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.given = start, shape, constraint

    def build(self, input_shape):
        start, shape, constraint = self.given
        self.edges = self.add_weight(
            name="edges", shape=shape, initializer=start, constraint=constraint
        )

    def call(self, score):
        below = ops.sigmoid(self.edges - score)
        zero = ops.zeros_like(score)
        return ops.concatenate([below, zero + 1], -1) - ops.concatenate([zero, below], -1)


class Shifted(layers.Layer):
    """Adds and multiplies by vectors that start at zero, to no harm."""

    def build(self, input_shape):
        self.shift = self.add_weight(name="shift", shape=(5,), initializer="zeros")
        self.scale = self.add_weight(name="scale", shape=(5,), initializer="zeros")

    def call(self, x):
        return ops.softmax(x + self.shift + self.scale * ops.square(x))


def alike(last):
    keras.utils.set_random_seed(0)
    width = 5 if isinstance(last, Shifted) else 1
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(width, use_bias=False), last]
    )
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    report = ci.diagnose(model, X, GRADES)
    return [f for f in report.findings if f.code == "CW105"], str(report)


@pytest.mark.parametrize(
    "last",
    [
        Between("zeros", constraint=ascending, name="grade"),
        Between("zeros", shape=(1, 4), name="grade"),
        Between(keras.initializers.Constant(0.5), name="grade"),
    ],
    ids=["ascending", "a row", "not zero"],
)
def test_thresholds_that_all_start_alike(last):
    """The classes between them are empty; with entries apart the model trains."""
    [found], text = alike(last)
    assert found.weight.endswith("grade/edges")
    assert "3 of the 5 units of 'grade' are zero for all examples" in found.message
    assert found.treatment.healed, text
    assert "ops.linspace(" in found.treatment.code


@pytest.mark.parametrize("last", [Between(steps), Shifted()], ids=["apart", "added"])
def test_entries_that_do_no_harm(last):
    found, text = alike(last)
    assert not found, text
