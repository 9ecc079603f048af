"""A start that is at fault: the weight that is named is drawn anew before others are."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 8)).astype("float32")
ROWS = DRAWS.integers(0, 20, (64, 4))


class Fading(layers.Layer):
    """Its first weight starts where a root has no finite slope; ones are what the others mean."""

    def build(self, shape):
        self.decay = self.add_weight(name="decay", shape=(), initializer="zeros")
        self.half = self.add_weight(name="half", shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return (ops.sqrt(ops.abs(self.decay)) + self.half) * x


def test_of_a_layer_the_one_at_fault():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), Fading(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    first = ci.diagnose(model, X, X[:, :1]).findings[0]
    assert first.code == "CW501"
    assert first.treatment.healed, first
    assert ".decay," in first.treatment.code
    assert ".half" not in first.treatment.code


@pytest.mark.parametrize("beside", [True, False])
def test_of_a_model_the_kernel_at_fault(beside):
    """Beside another constrained one, and as the only one."""
    keras.utils.set_random_seed(0)
    rows, x = keras.Input((4,), dtype="int32"), keras.Input((8,))
    limit = ci.MaxNorm(1.0) if beside else None
    table = layers.Embedding(20, 6, embeddings_constraint=limit)(rows)
    dead = layers.Dense(8, "relu", name="dead", **ci.constrained(kernel=ci.Box(None, 0)))(x)
    both = layers.Concatenate()([layers.GlobalAveragePooling1D()(table), dead])
    model = keras.Model([rows, x], layers.Dense(1)(both))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    first = ci.diagnose(model, [ROWS, np.abs(X)], np.abs(X[:, :1])).findings[0]
    assert first.code == "CW403"
    assert first.treatment.healed, first
    assert "get_layer('dead').kernel" in first.treatment.code
    assert "embed" not in first.treatment.code
    named = "dead/kernel is drawn for its activation"
    assert (named in first.treatment.change) == beside
