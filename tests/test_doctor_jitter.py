"""Matrices without a Cholesky factor in a loss of the user's own."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What is tried is an edit of the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = np.round(DRAWS.uniform(0, 6, (24, 1)), 1).astype("float32")
Y = np.sin(X) + 0.5 * DRAWS.normal(size=X.shape).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_jitter")
class Kernel(layers.Layer):
    """A kernel matrix of inputs that are there twice, with noise on its diagonal."""

    def __init__(self, noise, **named):
        super().__init__(**named)
        self.start = noise

    def build(self, shape):
        start = keras.initializers.Constant(self.start)
        self.noise = self.add_weight(initializer=start, constraint="non_neg", name="noise")

    def call(self, x):
        near = ops.exp(-0.5 * ops.square(x - ops.transpose(x)))
        return near + self.noise * ops.eye(24)

    def get_config(self):
        return {**super().get_config(), "noise": self.start}


def likelihood(y, k):
    factor = ops.cholesky(k)
    solved = ops.solve_triangular(factor, y, lower=True)
    return 0.5 * ops.sum(ops.square(solved)) + ops.sum(ops.log(ops.diagonal(factor)))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_singular_matrix_that_a_loss_is_given(noise):
    """A little on its diagonal heals, in the loss; with noise there is nothing to heal."""
    inputs = keras.Input(batch_shape=(24, 1))
    model = keras.Model(inputs, Kernel(noise, name="kernel")(inputs))
    model.compile(keras.optimizers.Adam(0.002), likelihood)
    errors = [f for f in ci.diagnose(model, X, Y).findings if f.level == "error"]
    if noise:
        assert not errors
        return
    first = errors[0]
    assert first.treatment is not None
    assert first.treatment.healed, first.treatment
    assert "+    factor = ops.cholesky((matrix := k)" in first.treatment.diff
