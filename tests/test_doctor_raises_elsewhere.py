"""Models that raise at weights, data or steps that only the doctor gives them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._problem import Problem

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
POINTS = 24
X = np.repeat(DRAWS.uniform(-3, 3, (POINTS // 2, 1)), 2, axis=0)
XY = np.concatenate([X, np.cos(X) + 0.1 * DRAWS.normal(size=X.shape)], axis=1).astype("float32")
NOTHING = np.zeros((POINTS, 1), "float32")

A = DRAWS.normal(size=(32, 4)).astype("float32")
B = (A @ np.array([[1.0], [-0.5], [0.2], [0.4]]) + 0.3).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_raises_elsewhere")
class Evidence(layers.Layer):
    """The negative log likelihood of a Gaussian process, with noise of its own or none."""

    def __init__(self, start=0.0, noise=0.0, **kwargs):
        super().__init__(**kwargs)
        self.start, self.noise = start, noise

    def build(self, shape):
        start = keras.initializers.Constant(self.start)
        self.sill = self.add_weight(shape=(), initializer="ones", constraint="non_neg")
        self.nugget = self.add_weight(shape=(), initializer=start, constraint="non_neg")

    def call(self, points):
        at, value = points[:, :1], points[:, 1:]
        alike = self.sill * ops.exp(-0.5 * ops.square(at - ops.transpose(at)))
        factor = ops.cholesky(alike + (self.nugget + self.noise) * ops.eye(POINTS))
        rest = ops.solve_triangular(factor, value, lower=True)
        whole = 0.5 * ops.sum(ops.square(rest)) + ops.sum(ops.log(ops.diagonal(factor)))
        return whole / POINTS + 0.0 * value

    def get_config(self):
        return {**super().get_config(), "start": self.start, "noise": self.noise}


@keras.saving.register_keras_serializable("test_doctor_raises_elsewhere")
def itself(targets, predictions):
    return ops.mean(predictions)


def process(**given):
    keras.utils.set_random_seed(0)
    points = keras.Input((2,), batch_size=POINTS)
    model = keras.Model(points, Evidence(**given)(points))
    model.compile(keras.optimizers.Adam(0.02), itself)
    return model


def test_a_matrix_without_a_factor_is_named_and_healed():
    """It may raise wherever it is looked at again, of which no traceback comes."""
    report = ci.diagnose(process(), XY, NOTHING)
    first = report.findings[0]
    assert first.code in ("CW001", "CW401")
    assert first.source.text == (
        "factor = ops.cholesky(alike + (self.nugget + self.noise) * ops.eye(POINTS))"
    )
    assert "diagonal" in first.fix
    assert first.treatment.healed
    assert "1e-4 on the diagonal" in first.treatment.change


def test_nothing_is_said_of_a_likelihood_of_the_whole_batch():
    """It is the same number for each example, and is meant to be."""
    report = ci.diagnose(process(start=0.1, noise=1e-3), XY, NOTHING)
    assert not [finding for finding in report.findings if finding.counts]


@keras.saving.register_keras_serializable("test_doctor_raises_elsewhere")
class MeanOfAll(layers.Layer):
    """Takes the mean over the examples, where each was to be told by itself."""

    def call(self, x):
        return ops.mean(x, axis=0, keepdims=True) + ops.zeros_like(x)


def test_a_mean_over_the_examples_is_one_still():
    """The loss of its targets is a reason to tell it."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1), MeanOfAll()])
    model.compile("adam", "mse")
    codes = {finding.code for finding in ci.diagnose(model, A, B).findings if finding.counts}
    assert codes & {"CW405", "CW415"}


@keras.saving.register_keras_serializable("test_doctor_raises_elsewhere")
class Picky(layers.Layer):
    """Adds a number to what it is given, and raises where that number is far from its start."""

    def __init__(self, moves=True, **kwargs):
        super().__init__(**kwargs)
        self.moves = moves

    def build(self, shape):
        self.part = self.add_weight(shape=(), initializer="ones", constraint="non_neg")

    def call(self, x):
        part = self.part if self.moves else ops.stop_gradient(self.part)
        # What a graph computes is no number for Python.
        if keras.backend.backend() == "torch" and not abs(float(part) - 1.0) < 0.2:
            raise ArithmeticError("far from the start")
        return x + part

    def get_config(self):
        return {**super().get_config(), "moves": self.moves}


def falls(targets, predictions):
    return ops.mean(ops.square(targets - predictions), axis=-1) - 2.0


@pytest.mark.parametrize("loss", ["mse", falls])
@pytest.mark.parametrize("moves", [True, False])
def test_no_look_that_fails_is_a_fault_of_the_model(loss, moves):
    """What raises only where a look has taken the weights is not told of the training."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1), Picky(moves)])
    model.compile(keras.optimizers.Adam(1e-3), loss)
    weights = [ops.convert_to_numpy(v) for v in model.variables]
    report = ci.diagnose(model, A, B)
    assert not [f for f in report.findings if f.code in ("CW001", "CW502")], str(report)
    for before, variable in zip(weights, model.variables, strict=True):
        np.testing.assert_array_equal(before, ops.convert_to_numpy(variable))


def test_what_raises_in_a_look_is_said():
    """And what was not found for it is the same as nothing."""
    from constrainit.doctor._losses_at import looked

    problem = Problem(process(noise=1e-3), XY, NOTHING, None, None, 0)

    def breaks(first, second):
        raise ArithmeticError(f"{first} {second}")

    assert looked(problem, "a needle", breaks, 1, 2, otherwise=[]) == []
    assert looked(problem, "a needle", breaks, 1, 2) is None
    said = [one for one in problem.said if "needle" in one]
    assert said == ["not looked for a needle, as the model raises there (ArithmeticError)"]
