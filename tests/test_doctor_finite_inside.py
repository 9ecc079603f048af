"""Starts outside of their sets by which the first pass is not finite."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype("float32")
PAIRS = RNG.integers(0, 20, size=(64, 2)).astype("int32")


@keras.saving.register_keras_serializable("finite_inside")
class InBall(keras.constraints.Constraint):
    """Rows stay inside of the unit ball."""

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=-1, keepdims=True) + 1e-12)
        return w * ops.minimum(1.0, 0.99 / norm)


class Hyperbolic(layers.Layer):
    """Distances in the ball of Poincare of pairs of points."""

    def call(self, pair):
        u, v = pair[:, 0], pair[:, 1]
        rooms = [1.0 - ops.sum(ops.square(one), axis=-1) for one in (u, v)]
        gap = ops.sum(ops.square(u - v), axis=-1)
        return ops.arccosh(1.001 + 2.0 * gap / (rooms[0] * rooms[1]))[:, None]


class Deviations(layers.Layer):
    """The root of a weighed sum of squares, by weights that are not negative."""

    def __init__(self, initializer, floor=0.0, **kwargs):
        super().__init__(**kwargs)
        self.initializer, self.floor = keras.initializers.get(initializer), floor

    def build(self, shape):
        box = ci.Positive(0.01)
        self.shares = self.add_weight(
            shape=(shape[-1],), initializer=self.initializer, constraint=box, name="shares"
        )
        self.free = self.add_weight(
            shape=(shape[-1],), initializer=self.initializer, constraint="non_neg", name="free"
        )

    def call(self, x):
        found = ops.sqrt(ops.sum(x**2 * self.shares, axis=-1, keepdims=True) - self.floor)
        return found + ops.sum(x * self.free, axis=-1, keepdims=True)


def diagnosed(parts, x, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype.name), *parts])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, x, y)


def table(width):
    start = keras.initializers.RandomUniform(-width, width, seed=1)
    return layers.Embedding(20, 8, start, embeddings_constraint=InBall(), name="table")


def test_points_outside_of_their_ball_are_the_cause_of_a_distance_that_is_nan():
    """Though the constraint hardly moves them, and the error shows at the distance."""
    report = diagnosed([table(0.6), Hyperbolic()], PAIRS, np.ones((64, 1), "float32"))
    first = report.findings[0]
    assert (first.code, first.level) == ("CW101", "warning"), str(report)
    assert first.weight.endswith("table/embeddings")
    assert "With it inside from the start, the loss and all gradients" in first.message
    assert first.treatment is not None
    assert first.treatment.healed
    broken = [f for f in report.findings if f.code in ("CW401", "CW501", "CW502")]
    assert broken
    assert all(f.cause.startswith("CW101") for f in broken)


def test_only_the_weight_by_which_it_fails_is_named():
    """Another one is outside, too, and of no matter."""
    start = keras.initializers.Constant([-0.01, -0.02, -0.01])
    report = diagnosed([Deviations(start)], X, np.abs(X[:, :1]))
    [named] = [f for f in report.findings if "inside from the start" in f.message]
    assert named.weight.endswith("/shares"), str(report)


@pytest.mark.parametrize(
    ("parts", "x"), [([table(0.2), Hyperbolic()], PAIRS), ([Deviations("ones", 1e3)], X)]
)
def test_other_starts_are_not_blamed(parts, x):
    """A start inside, and a root that is of a negative number wherever the weights are."""
    report = diagnosed(parts, x, np.ones((len(x), 1), "float32"))
    assert not any("inside from the start" in f.message for f in report.findings), str(report)
    assert not report.evidence.finite_inside


@keras.saving.register_keras_serializable("finite_inside")
class AtLeast(keras.constraints.Constraint):
    """Sizes of a number at least, in the place of decays."""

    def __call__(self, w):
        return ops.maximum(ops.abs(w), 0.5)


@keras.saving.register_keras_serializable("finite_inside")
class Growth(layers.Layer):
    """A state that feeds upon itself."""

    def build(self, shape):
        start = keras.initializers.RandomUniform(-0.6, -0.5, seed=1)
        self.rate = self.add_weight(
            shape=shape[-1:], initializer=start, constraint=AtLeast(), name="rate"
        )

    def call(self, x):
        state = 1.0 + ops.abs(x)
        for _ in range(8):
            state = state * ops.exp(self.rate * state)
        return state


def test_a_constraint_that_takes_a_start_to_where_the_model_is_not_finite():
    """It turns the sign of what has to be negative: what is lost after the first step follows."""
    report = diagnosed([Growth(), layers.Dense(1)], X, np.abs(X[:, :1]))
    first = report.findings[0]
    assert first.code == "CW101", str(report)
    assert first.weight.endswith("/rate")
    assert "as its constraint makes it, they are not" in first.message
    broken = [f for f in report.findings if f.code in ("CW401", "CW501", "CW502")]
    assert broken
    assert all(f.cause.startswith("CW101") for f in broken)
    assert first.treatment is not None
    assert first.treatment.healed
    assert "+        w = -w\n" in first.treatment.diff
