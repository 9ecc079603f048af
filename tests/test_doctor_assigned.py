"""Weights that a forward pass assigns to."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
BACKEND = keras.backend.backend()


class Turned(layers.Layer):
    """Divides its kernel by what a kept vector tells of its size."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")
        self.u = self.add_weight(shape=(1, 3), initializer="ones", name="u")

    def call(self, x):
        v = ops.matmul(self.u, ops.transpose(self.kernel))
        u = ops.matmul(v / ops.norm(v), self.kernel)
        self.u.assign(u / ops.norm(u))
        return ops.matmul(x, self.kernel) / ops.norm(u)


class Clipped(layers.Layer):
    """Assigns to the weight that it trains."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")

    def call(self, x):
        self.kernel.assign(ops.maximum(self.kernel, 0.0))
        return ops.matmul(x, self.kernel)


class Scaled(layers.Layer):
    """Assigns to the weight that it trains, by a number of its own and a name for it."""

    most = 1.0

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer="ones", name="kernel")

    def call(self, x):
        kernel = self.kernel / ops.maximum(self.most, ops.norm(self.kernel))
        self.kernel.assign(kernel)
        return ops.matmul(x, kernel)


class Following(layers.Layer):
    """Assigns to a weight what is computed of the batch, too."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1],), initializer="ones", name="kernel")

    def call(self, x):
        self.kernel.assign(0.9 * self.kernel + 0.1 * ops.mean(x, axis=0))
        return x * self.kernel


def first(layer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    return ci.diagnose(model, X, X[:, :1]).findings


@pytest.mark.skipif(BACKEND == "tensorflow", reason="the assignment is kept")
def test_a_state_that_is_trained():
    """PyTorch raises because of it; on JAX it is enough that it is not trained."""
    found = first(Turned(name="turned"))
    assert found[0].code == "CW406"
    assert found[0].weight.endswith("turned/u")
    assert "trainable=False" in found[0].fix
    if BACKEND == "torch":
        assert found[0].level == "error"
        [raised] = [f for f in found if f.code == "CW001"]
        assert raised.cause.startswith("CW406")
        assert "targets" not in raised.fix
    else:
        assert found[0].treatment.healed
        assert "trainable=False" in found[0].treatment.code


@pytest.mark.skipif(BACKEND != "jax", reason="the assignment is kept")
@pytest.mark.parametrize(
    ("kind", "constraint"),
    [(Clipped, "keras.constraints.NonNeg()"), (Scaled, "lambda w: w / ops.maximum(self.most, ")],
)
def test_a_rule_of_a_weight_to_train_is_a_constraint(kind, constraint):
    """It depends on no other weight: what the call assigned is done after each step."""
    found = [f for f in first(kind(name="own")) if f.code == "CW406"]
    assert found
    assert found[0].treatment is not None
    assert found[0].treatment.healed
    assert f"constraint={constraint}" in found[0].treatment.diff
    assert "-        self.kernel.assign" in found[0].treatment.diff


@pytest.mark.skipif(BACKEND != "jax", reason="the assignment is kept")
def test_what_is_computed_of_the_batch_is_no_constraint():
    """No set is known that it could be a member of."""
    found = [f for f in first(Following(name="own")) if f.code == "CW406"]
    assert found
    assert all(f.treatment is None or "constraint" not in f.treatment.change for f in found)


@pytest.mark.skipif(BACKEND != "jax", reason="the assignment is kept")
def test_the_wrapper_of_several_kinds_of_layers():
    """What is pasted names the layers that were wrapped."""
    keras.utils.set_random_seed(0)
    norm = layers.SpectralNormalization
    parts = [norm(layers.Conv1D(3, 2)), layers.Flatten(), norm(layers.Dense(1))]
    model = keras.Sequential([keras.Input((4, 1)), *parts])
    model.compile("sgd", "mse")
    found = ci.diagnose(model, X[..., None], X[:, :1]).findings[0]
    assert found.code == "CW406"
    assert "layers.Conv1D(3, (2,), kernel_constraint=ci.Spectral" in found.treatment.code
    assert "layers.Dense(1, kernel_constraint=ci.Spectral" in found.treatment.code
