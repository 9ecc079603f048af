"""Starts and targets that an exponential, a power or a recurrence can take."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments import softplus

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")


class Power(layers.Layer):
    """A power with a fraction of what it is given."""

    def call(self, x):
        return x**1.2


class Counted(layers.Layer):
    """A recurrence whose kernel has no negative entry."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, shape):
        self.inner = self.add_weight(shape=(shape[-1], self.units), name="inner")
        self.feedback = self.add_weight(
            shape=(self.units, self.units),
            initializer=keras.initializers.RandomUniform(0.0, 3.0, seed=1),
            constraint="non_neg",
            name="feedback",
        )

    def call(self, x, states):
        now = ops.relu(ops.matmul(x, self.inner) + ops.matmul(states[0], self.feedback))
        return now, [now]


def growth_in_counts(y_true, y_pred):
    """A loss that takes the root of its targets, and an exponential of them."""
    rate = 0.5 + ops.softplus(y_pred)
    return ops.exp(y_true / rate) / ops.sqrt(y_true + 1.0)


def cube_of_quotient(y_true, y_pred):
    """A loss in which the cube of a quotient by a scale enters an exponential."""
    return ops.exp(ops.power(y_true / ops.exp(y_pred), 3)) + y_pred


def diagnosed(parts, y, loss="mse", x=X, steps=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), *parts])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, x, y, steps=steps)


def healed(report):
    return [f.treatment for f in report.findings if f.treatment and f.treatment.healed]


def test_what_a_power_is_taken_of_is_made_positive():
    """By the linear layer that gives it."""
    y = np.abs(X[:, :1]) + 0.5
    report = diagnosed([layers.Dense(8, activation="tanh"), layers.Dense(1), Power()], y)
    [done] = healed(report)
    assert done.change.endswith("with a softplus, as a power is taken of its output"), str(report)
    assert done.code.startswith('keras.layers.Dense(1, activation="softplus")')


def test_else_the_power_gets_a_floor(monkeypatch):
    """In the user's own line."""
    monkeypatch.setattr(softplus, "NEGATIVE_BASE", "nothing")
    y = np.abs(X[:, :1]) + 0.5
    report = diagnosed([layers.Dense(8, activation="tanh"), layers.Dense(1), Power()], y)
    tried = [f.treatment for f in report.findings if f.code == "CW401"]
    assert "+        return keras.ops.maximum(x, 1e-6)**1.2" in tried[0].diff, str(report)


def test_a_recurrence_that_overflows_starts_smaller():
    """By the largest factor for which it is sound, and the set of the weight is kept."""
    x = np.abs(RNG.normal(size=(32, 30, 2))).astype("float32")
    y = (x[:, -1, :1] > 0.7).astype("float32")
    parts = [layers.RNN(Counted(16), name="rnn"), layers.Dense(1, activation="sigmoid")]
    report = diagnosed(parts, y, "binary_crossentropy", x, steps=4)
    done = healed(report)
    assert done, str(report)
    assert "feedback times 0." in done[0].change
    assert "* initializer(shape, dtype)" in done[0].code


@pytest.mark.filterwarnings("ignore")
def test_targets_keep_their_sign_where_a_loss_needs_it():
    """They are divided by their mean only, where mean zero makes NaN."""
    y = RNG.uniform(100, 300, size=(64, 1)).astype("float32")
    report = diagnosed([layers.Dense(8, activation="tanh"), layers.Dense(1)], y, growth_in_counts)
    done = healed(report)
    assert done, str(report)
    assert done[0].change.startswith("the targets divided by "), str(report)
    assert "so that none is below zero" in done[0].change


@pytest.mark.filterwarnings("ignore")
def test_the_last_bias_starts_at_the_size_of_the_targets():
    """Where the loss is finite, and least."""
    y = RNG.uniform(4, 6, size=(64, 1)).astype("float32")
    report = diagnosed([layers.Dense(8, activation="tanh"), layers.Dense(1)], y, cube_of_quotient)
    done = healed(report)
    assert done, str(report)
    assert "/bias starts at [" in done[0].change
    assert done[0].code.splitlines()[1].startswith("bias_initializer=lambda")
