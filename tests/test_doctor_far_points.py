"""Weights at the bound of a set that is bounded as a whole, where the model behind them fails."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

registered = keras.saving.register_keras_serializable("test_doctor_far_points")

POINTS = 40


@registered
class Inside(keras.constraints.Constraint):
    """Rows of a norm of one at most."""

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=1, keepdims=True))
        return w / ops.maximum(norm, 1.0)


@registered
class Within(keras.constraints.Constraint):
    """Rows of a norm of that at most."""

    def __init__(self, most=1.0):
        self.most = most

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=1, keepdims=True))
        return w * ops.minimum(1.0, self.most / ops.maximum(norm, 1e-12))

    def get_config(self):
        return {"most": self.most}


def share_of(w):
    """Between nothing and one."""
    return ops.clip(w, 0.0, 1.0)


@registered
class NotBelowZero(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.maximum(w, 0.0)


def squares(x):
    return ops.sum(ops.square(x), axis=-1, keepdims=True)


class Distance(layers.Layer):
    """The distance in a ball, which is infinite at its bound."""

    def call(self, pair):
        u, v = pair
        room = (1.0 - squares(u)) * (1.0 - squares(v))
        return ops.log(1.0 + 2.0 * squares(u - v) / room + 1e-5)


class Bounded(layers.Layer):
    """The same with a floor under what it divides by."""

    def call(self, pair):
        u, v = pair
        room = ops.maximum((1.0 - squares(u)) * (1.0 - squares(v)), 1e-5)
        return ops.log(1.0 + 2.0 * squares(u - v) / room + 1e-5)


class Apart(layers.Layer):
    """What is not defined where two points meet, and nowhere else."""

    def call(self, pair):
        return ops.log(squares(pair[0] - pair[1]))


class Surprise(layers.Layer):
    """The logarithm of chances."""

    def call(self, pair):
        return squares(ops.log(pair[0]) - ops.log(pair[1]))


class Direction(layers.Layer):
    """What is not defined at zero."""

    def call(self, pair):
        u, v = pair
        return ops.sum(u * v, axis=-1, keepdims=True) / ops.sqrt(squares(u) * squares(v))


def points(constraint, behind, size=3, low=-0.3, high=0.3):
    """Points in a table of Keras', two of which are compared each time."""
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(low, high, seed=3)
    kind = layers.Embedding(
        POINTS, size, embeddings_initializer=start, embeddings_constraint=constraint, name="points"
    )
    one, other = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    model = keras.Model([one, other], behind(name="behind")([kind(one), kind(other)]))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    first = np.arange(POINTS, dtype="int32").repeat(4)
    second = (first + np.tile([1, 2, 5, 11], POINTS)).astype("int32") % POINTS
    return model, [first, second], (np.abs(first - second)[:, None] / POINTS).astype("float32")


FAULTY = {
    "in the source": (Inside(), "return w / ops.maximum(norm / 0.99, 1.0)", ""),
    "an argument": (Within(1.0), "Within(0.99)", "Within(most=0.99)"),
    "of Keras": (keras.constraints.MaxNorm(1.0, axis=1), "", "ci.MaxNorm(radius=0.99, axis=1)"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_ball_whose_bound_is_a_pole(name):
    """A table of Keras' and a layer behind it: one row at the bound is enough."""
    constraint, line, code = FAULTY[name]
    report = ci.diagnose(*points(constraint, Distance))
    first = report.findings[0]
    assert (first.code, first.layer, first.level) == ("CW302", "points", "warning"), str(report)
    assert "'behind' is not finite" in first.message
    assert first.source is not None
    assert first.treatment.healed, str(report)
    added = [row for row in first.treatment.diff.splitlines()[3:] if row.startswith("+")]
    assert line in added[0] if line else not added
    assert code in first.treatment.code


def test_an_interval_whose_bound_is_a_pole():
    """A function that clips, and the logarithm of what it gives."""
    report = ci.diagnose(*points(share_of, Surprise, low=0.2, high=0.8))
    first = next(f for f in report.findings if f.code == "CW302")
    assert first.level == "warning"
    assert first.treatment.healed, str(report)


HEALTHY = {
    "a floor": lambda: points(Inside(), Bounded),
    "a smaller ball": lambda: points(Within(0.9), Distance),
    "points that meet": lambda: points(Inside(), Apart, size=1),
    "points that do not meet": lambda: points(Inside(), Apart),
    "zeros of no bound": lambda: points(NotBelowZero(), Direction, low=0.1, high=0.8),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_bounds_that_do_no_harm(name):
    """Neither a bound where all is finite, nor points that coincide at it, nor zeros everywhere."""
    report = ci.diagnose(*HEALTHY[name]())
    assert "CW302" not in {f.code for f in report.findings if f.counts}, str(report)
