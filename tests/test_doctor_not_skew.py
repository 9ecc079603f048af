"""Cayley transforms of matrices that are not skew-symmetric."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# An edit of the user's Python, tried on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = (0.1 * np.random.default_rng(0).normal(size=(32, 36, 2))).astype("float32")
X[:, 0] = np.random.default_rng(1).normal(size=(32, 2))


class Kept(layers.Layer):
    """A state that a matrix is multiplied with at each step."""

    def build(self, shape):
        start = keras.initializers.RandomUniform(-0.8, 0.8, seed=2)
        self.raw = self.add_weight((8, 8), start, name="raw")
        self.entry = self.add_weight((shape[-1], 8), "glorot_uniform", name="entry")

    def matrix(self, eye):
        raise NotImplementedError

    def call(self, x):
        matrix, drive = self.matrix(ops.eye(8)), ops.matmul(x, self.entry)
        state = drive[:, 0]
        for step in range(1, X.shape[1]):
            state = ops.matmul(state, matrix) + drive[:, step]
        return state


@keras.saving.register_keras_serializable("not_skew")
class Summed(Kept):
    """Of a matrix and its transpose, solved for."""

    def matrix(self, eye):
        a = 0.5 * (self.raw + ops.transpose(self.raw))
        return ops.solve(eye + a, eye - a)


@keras.saving.register_keras_serializable("not_skew")
class Inverted(Kept):
    """The same by an inverse, and the other way around."""

    def matrix(self, eye):
        a = ops.swapaxes(self.raw, -1, -2) + self.raw
        return ops.matmul(eye + a, ops.inv(eye - a))


@keras.saving.register_keras_serializable("not_skew")
class Plain(Kept):
    """Of the weight as it is: no sum is there to be edited."""

    def matrix(self, eye):
        return ops.solve(eye + self.raw, eye - self.raw)


@keras.saving.register_keras_serializable("not_skew")
class Skew(Kept):
    """As it is meant."""

    def matrix(self, eye):
        a = self.raw - ops.transpose(self.raw)
        return ops.solve(eye + a, eye - a)


@keras.saving.register_keras_serializable("not_skew")
class Diffused(Kept):
    """A step of a diffusion by half an implicit and half an explicit one: nothing grows."""

    def matrix(self, eye):
        a = 0.1 * ops.matmul(self.raw, ops.transpose(self.raw))
        return ops.solve(eye + a, eye - a)


def report_of(kind):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(X.shape[1:]), kind(name="kept"), layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return ci.diagnose(model, X, X[:, 0])


@pytest.mark.parametrize("kind", [Summed, Inverted])
def test_a_matrix_and_its_transpose(kind):
    """The line is named, and their difference heals."""
    first = report_of(kind).findings[0]
    assert first.code in ("CW401", "CW404")
    assert "its A is symmetric" in first.message
    assert "ops.solve(" in first.source.text or "ops.inv(" in first.source.text
    assert first.treatment.healed, first
    assert [line for line in first.treatment.diff.splitlines()[3:] if line.startswith("+")]


def test_a_matrix_that_is_neither():
    """It is named where nothing is to be edited, too."""
    first = report_of(Plain).findings[0]
    assert "its A is not skew-symmetric" in first.message


@pytest.mark.parametrize("kind", [Skew, Diffused])
def test_a_transform_that_keeps_sizes(kind):
    """Nothing is said of it."""
    report = report_of(kind)
    assert "Cayley" not in str(report)
    assert not {"CW401", "CW404"} & {f.code for f in report.findings}, str(report)
