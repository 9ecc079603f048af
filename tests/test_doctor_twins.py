"""Weights that stay the same as others, or switch the loss off; optimizers that add up batches."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 6)).astype("float32")
Y = X[:, :1] * X[:, 1:2]


def codes(report):
    return [finding.code for finding in report.findings if finding.counts]


def towers(seeds, inputs=1, trained=True, start=None):
    """The product of two layers, of one input or of one each."""
    keras.utils.set_random_seed(0)
    given = [keras.Input((6,)) for _ in range(inputs)]
    sides = []
    for place, seed in enumerate(seeds):
        draw = start or keras.initializers.GlorotUniform(seed)
        side = layers.Dense(4, kernel_initializer=draw, name=f"side_{place}")
        side.trainable = trained or place == 0
        sides.append(side(given[place % inputs]))
    model = keras.Model(given, layers.Dot(axes=1)(sides))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"seeds": (1, 1)}, True), ({"seeds": (1, 2)}, False),
        ({"seeds": (1, 1), "inputs": 2}, False), ({"seeds": (1, 1), "trained": False}, False),
        ({"seeds": (1, 1), "start": "zeros"}, False),
    ],
    ids=["same", "other seeds", "other inputs", "one frozen", "zeros"],
)  # fmt: skip
def test_two_layers_that_count_as_one(arguments, found):
    model = towers(**arguments)
    x = [X, X[::-1].copy()] if arguments.get("inputs") == 2 else X
    report = ci.diagnose(model, x, Y)
    assert ("CW106" in codes(report)) == found
    if found:
        [one] = [f for f in report.findings if f.code == "CW106"]
        assert one.weight.endswith("side_1/kernel")
        assert "side_0/kernel" in one.message
        assert one.treatment.healed
        assert "kernel_initializer=keras.initializers.GlorotUniform(seed=" in one.treatment.code
        np.testing.assert_array_equal(
            *[array(model.get_layer(name).kernel) for name in ("side_0", "side_1")]
        )


def test_a_twin_with_a_set_is_drawn_from_it():
    keras.utils.set_random_seed(0)
    given, a_set = keras.Input((6,)), ci.NonNegative()
    draw = a_set.initializer(3)
    sides = [
        layers.Dense(4, kernel_initializer=draw, kernel_constraint=a_set, name=name)(given)
        for name in ("one", "other")
    ]
    model = keras.Model(given, layers.Dot(axes=1)(sides))
    model.compile("adam", "mse")
    [one] = [f for f in ci.diagnose(model, X, Y).findings if f.code == "CW106"]
    assert one.treatment.healed


def test_a_twin_with_a_constraint_keeps_its_own_initializer():
    """What is to be pasted is what stands there, with all of its arguments and another seed."""
    keras.utils.set_random_seed(0)
    given = keras.Input((6,))
    draw = keras.initializers.RandomUniform(0.1, 0.9, seed=3)
    sides = [
        layers.Dense(4, kernel_initializer=draw, kernel_constraint="non_neg", name=name)(given)
        for name in ("one", "other")
    ]
    model = keras.Model(given, layers.Dot(axes=1)(sides))
    model.compile("adam", "mse")
    [one] = [f for f in ci.diagnose(model, X, Y).findings if f.code == "CW106"]
    assert one.treatment.healed
    written = "kernel_initializer=keras.initializers.RandomUniform(minval=0.1, maxval=0.9, seed="
    assert one.treatment.code.startswith(written)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("built", [False, True])
def test_batches_that_are_added_up(built, mixed):
    """Each step that is looked at is a whole update, and the schedule counts updates."""

    def report(gathered):
        keras.utils.set_random_seed(0)
        dense = layers.Dense(1, kernel_constraint="non_neg", name="dense")
        model = keras.Sequential([keras.Input((6,)), dense], name="model")
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)
        optimizer = keras.optimizers.SGD(rate, gradient_accumulation_steps=gathered)
        if built:
            optimizer.build(model.trainable_variables)
            optimizer._iterations.assign(4 * (gathered or 1))
        if mixed:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, "mse")
        return ci.diagnose(model, X, Y)

    one, several = report(None), report(4)
    said = "the optimizer adds up 4 batches for one update"
    assert said in str(several).replace("\n  ", " ")
    assert said not in str(one)
    shown = [str(r).partition("constrained weight")[2] for r in (one, several)]
    assert shown[0] == shown[1]
    assert codes(one)


class Weighed(keras.Model):
    """A model that learns what its error counts."""

    def __init__(self, form="times", constraint="non_neg", trained=True):
        super().__init__()
        self.form = form
        self.head = layers.Dense(1)
        self.part = self.add_weight(
            shape=(2,), initializer="ones", name="part", constraint=constraint, trainable=trained
        )

    def call(self, x):
        y = self.head(x)
        return y * self.part[0] if self.form == "predicts" else y

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        error = ops.mean(ops.square(y - y_pred))
        errors = ops.stack([error, 2 * error])
        if self.form == "predicts":
            return error
        if self.form == "held":
            return ops.sum(errors * self.part - ops.log(self.part))
        if self.form == "variances":
            return ops.sum(errors * ops.exp(-self.part) + self.part)
        if self.form == "wrong sign":
            return ops.sum(errors * ops.exp(-self.part) - self.part)
        if self.form == "below zero":
            return ops.sum(errors * ops.exp(-self.part) + self.part) - 100.0
        if self.form == "deviations":
            return ops.sum(errors / self.part**2 - ops.log(self.part))
        return ops.sum(errors * self.part)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({}, True), ({"constraint": None}, True), ({"form": "held"}, False),
        ({"form": "predicts"}, False), ({"trained": False}, False),
        ({"constraint": ci.Box(0.5, 2)}, False), ({"constraint": ci.Simplex(2.0)}, False),
        ({"form": "variances", "constraint": None}, False),
        ({"form": "wrong sign", "constraint": None}, True),
        ({"form": "wrong sign", "constraint": None, "trained": False}, False),
        ({"form": "wrong sign", "constraint": ci.Box(-3, 3)}, False),
        ({"form": "below zero", "constraint": None}, False),
        ({"form": "deviations", "constraint": None}, True),
    ],
    ids=[
        "bounded", "free", "held", "predicts", "not trained", "box", "shares", "variances",
        "wrong sign", "wrong sign not trained", "wrong sign in a box", "below zero", "deviations",
    ],
)  # fmt: skip
def test_a_weight_that_switches_the_loss_off(arguments, found):
    keras.utils.set_random_seed(0)
    model = Weighed(**arguments)
    model(X)
    model.compile(keras.optimizers.Adam(0.01))
    report = ci.diagnose(model, X, Y)
    assert ("CW612" in codes(report)) == found, str(report)
    np.testing.assert_array_equal(array(model.part), [1.0, 1.0])
    if found:
        [one] = [f for f in report.findings if f.code == "CW612"]
        endless = arguments.get("form") in ("wrong sign", "deviations")
        assert ("falls without end" if endless else "100 % of the loss") in one.message
        assert one.treatment.healed
        assert model.part.trainable


def test_a_model_of_which_some_layers_are_not_built():
    """Keras takes it for built; all that it has is looked at, and told of."""

    class Half(keras.Model):
        def __init__(self):
            super().__init__()
            self.trunk = layers.Dense(3, kernel_constraint="non_neg", name="trunk")
            self.head = layers.Dense(1, name="head")

        def call(self, x):
            return self.head(self.trunk(x))

    keras.utils.set_random_seed(0)
    model = Half()
    model.head.build((None, 3))
    model.built = True
    model.compile("sgd", "mse")
    text = str(ci.diagnose(model, X, Y))
    assert "built by a call, as they had no weights yet: trunk" in text
    assert "trunk/kernel" in text
