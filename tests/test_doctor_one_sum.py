"""A single unit that is divided by its sum, which is near zero as it starts."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

registered = keras.saving.register_keras_serializable("test_doctor_one_sum")

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 8)).astype("float32")
Y = (X @ DRAWS.dirichlet(np.ones(8)))[:, None].astype("float32")
BOTH_SIGNS = 0.05 * np.array([1, -1, 2, -2, 1.5, -1.5, 1, -0.8])


@registered
def to_one(w):
    return w / ops.sum(w)


@registered
def of_norm_one(w):
    return w / ops.sqrt(ops.sum(ops.square(w)))


@registered
class Blend(layers.Layer):
    """Shares of what it is given."""

    def __init__(self, start, constraint, **kwargs):
        super().__init__(**kwargs)
        self.start, self.constraint = start, constraint

    def build(self, shape):
        self.shares = self.add_weight(
            shape=(shape[-1],), initializer=self.begin, constraint=self.constraint, name="shares"
        )

    def begin(self, shape, dtype=None):
        return ops.convert_to_tensor(self.start, dtype)

    def call(self, x):
        return ops.sum(x * self.shares, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("start", "constraint", "said"),
    [
        (BOTH_SIGNS, to_one, True),
        (BOTH_SIGNS + 0.1, to_one, False),
        (BOTH_SIGNS, of_norm_one, False),
    ],
    ids=["near zero", "far from it", "a norm"],
)
def test_a_sum_near_zero_of_one_unit(start, constraint, said):
    model = keras.Sequential([keras.Input((8,)), Blend(start, constraint, name="blend")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    found = [f for f in ci.diagnose(model, X, Y).findings if f.counts]
    assert ("CW211" in [f.code for f in found]) == said, found
    if said:
        assert "divides a unit of both signs by its sum" in found[0].message
        assert found[0].code == "CW211"
        assert found[0].treatment.healed
