"""What the doctor says of rules that hold for another part of a weight or output than meant."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


def codes(model, x, y):
    """The findings that count."""
    return [f.code for f in ci.diagnose(model, x, y).findings if f.counts]


def sequential(*parts, shape=(4,)):
    """A model that trains on something it can learn, and what it is given."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(64, *shape)).astype("float32")
    return model, x, np.abs(x.reshape(64, -1)[:, :1]) + 0.1


def small(bound):
    """Starts that are inside of bounds of norms."""
    return keras.initializers.RandomNormal(stddev=0.1 * bound, seed=1)


def test_axes_of_one_entry_make_no_difference():
    """The kernel of a depthwise convolution is (height, width, channels, filters); width is 1."""
    bound = keras.constraints.MaxNorm(1.0)
    spatial = layers.DepthwiseConv2D(
        (8, 1), depth_multiplier=2, depthwise_initializer=small(1), depthwise_constraint=bound
    )
    model, x, y = sequential(spatial, layers.Flatten(), layers.Dense(1), shape=(8, 6, 3))
    assert "CW301" not in codes(model, x, y)
    wide = layers.DepthwiseConv2D(
        (4, 3), depthwise_initializer=small(1), depthwise_constraint=bound
    )
    model, x, y = sequential(wide, layers.Flatten(), layers.Dense(1), shape=(8, 6, 3))
    assert "CW301" in codes(model, x, y)


class ByHand(keras.constraints.Constraint):
    """A constraint of the user's own, from a function."""

    def __init__(self, function):
        self.function = function

    def __call__(self, w):
        return self.function(w)


MASK = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0], "float32")
SLICES = {
    "the last unit": lambda w: ops.concatenate([w[:, :-1], ops.relu(w[:, -1:])], axis=1),
    "two units": lambda w: ops.concatenate([ops.clip(w[:, :2], -1, 1), w[:, 2:]], axis=1),
    "the last input": lambda w: ops.concatenate([w[:-1], ops.relu(w[-1:])], axis=0),
    "all": ops.relu,
    "pruned units": lambda w: w * MASK,
}


@pytest.mark.parametrize("name", SLICES)
def test_a_rule_for_one_of_several_units(name):
    """Of a hidden layer; that a rule is for an input, or that units are pruned, may be meant."""
    own = layers.Dense(
        8, "tanh", kernel_constraint=ByHand(SLICES[name]), kernel_initializer="ones", name="own"
    )
    model, x, y = sequential(own, layers.Dense(1))
    found = [f for f in ci.diagnose(model, x, y).findings if f.code == "CW217"]
    assert bool(found) == (name in ("the last unit", "two units")), found
    if found:
        assert found[0].evidence["units"] == ([7] if name == "the last unit" else [0, 1])


def test_a_rule_for_one_output():
    """Outputs are not alike."""
    last = layers.Dense(4, kernel_constraint=ByHand(SLICES["the last unit"]))
    model, x, _ = sequential(last)
    assert "CW217" not in codes(model, x, x)


class Gains(layers.Layer):
    """A number for each input."""

    def __init__(self, constraint, start):
        super().__init__(name="gains")
        self.given = constraint, start

    def build(self, shape):
        constraint, start = self.given
        self.gain = self.add_weight((shape[-1],), start, constraint=constraint, name="gain")

    def call(self, x):
        return x * self.gain


def test_a_norm_where_each_entry_is_meant():
    """The entries start where the bounds of the norm are; with these for each, the model trains."""
    model, x, _ = sequential(Gains(keras.constraints.MinMaxNorm(0.95, 1.05), "ones"), shape=(16,))
    report = ci.diagnose(model, x, 1.02 * x)
    first = report.findings[0]
    assert first.code == "CW101"
    assert "ci.Box(0.95, 1.05)" in first.message
    assert first.treatment.healed
    assert "ci.Box(" in first.treatment.change


def test_a_direction_that_starts_too_long():
    """What is scaled down and keeps its direction may be meant: entries are not between bounds."""
    start = keras.initializers.RandomNormal(stddev=2.0, seed=1)
    model, x, _ = sequential(Gains(keras.constraints.MaxNorm(1.0), start), shape=(16,))
    report = ci.diagnose(model, x, 0.1 * x)
    assert "ci.Box" not in " ".join(f.message for f in report.findings)


KEPT = {"kernel_constraint": "non_neg", "bias_constraint": "non_neg", "kernel_initializer": "ones"}


@pytest.mark.parametrize("before", ["linear", "tanh", "relu"])
def test_outputs_below_zero(before):
    """Kernel and bias keep the sign of a sum where the inputs have one."""
    first = layers.Dense(4, before, kernel_initializer="identity")
    model, x, y = sequential(first, layers.Dense(1, **KEPT, name="last"))
    report = ci.diagnose(model, x, y)
    found = [f for f in report.findings if f.code == "CW616"]
    assert bool(found) == (before != "relu"), report
    if found:
        assert found[0].layer == "last"
        assert found[0].treatment.healed
        assert "softplus" in found[0].treatment.change


def test_outputs_that_are_to_rise():
    """A kernel alone is kept from being negative for that; and targets may be negative."""
    rising = {name: KEPT[name] for name in ("kernel_constraint", "kernel_initializer")}
    model, x, y = sequential(layers.Dense(8, "tanh"), layers.Dense(1, **rising))
    assert "CW616" not in codes(model, x, y)
    model, x, y = sequential(layers.Dense(8, "tanh"), layers.Dense(1, **KEPT))
    assert "CW616" not in codes(model, x, y - 1.0)


class Damped(layers.Layer):
    """A weight that is no factor of what comes in."""

    def build(self, shape):
        self.rate = self.add_weight(shape=(), initializer="ones", constraint="non_neg")

    def call(self, x):
        return x - self.rate


def test_a_layer_of_ones_own_is_no_product():
    """What its weights, which may not be negative, do with its inputs is not known."""
    x = np.random.default_rng(0).normal(size=(64, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1), Damped()])
    assert "CW616" not in codes(model, x, np.exp(x))


@pytest.mark.filterwarnings("ignore")
def test_a_softmax_of_one_unit_comes_before_the_start():
    """Whatever the weights are, it gives 1."""
    last = layers.Dense(1, "softmax", kernel_constraint="non_neg", name="last")
    model, x, y = sequential(layers.Dense(8), last)
    found = [f for f in ci.diagnose(model, x, (y > 0.5).astype("float32")).findings if f.counts]
    assert (found[0].code, found[0].layer) == ("CW405", "last")
    assert "softmax" in found[0].fix
    assert {f.cause for f in found[1:] if f.code in ("CW101", "CW102")} <= {"CW405 last"}
