"""What the losses of several outputs count: nothing at all, or next to nothing beside another."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
STEER, BRAKE = X[:, :1] - X[:, 1:2], (X[:, 2:3] > 0).astype("float32")
LOSSES = {"steer": "mse", "brake": "binary_crossentropy"}


def made(weights, losses=None, named=True, frozen=False, shares=False, scale=1.0, linear=False):
    """A model of two outputs, as dictionaries or lists, and its batch."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    bounded = {"activation": "tanh", "kernel_constraint": keras.constraints.MaxNorm(3.0)}
    h = layers.Dense(8, **bounded)(layers.Dense(8, **bounded)(inputs))
    steer = layers.Dense(1, name="steer")
    head = layers.Dense(1, None if linear else "sigmoid", name="brake", trainable=not frozen)
    outputs = {"steer": steer(h)}
    outputs["brake"] = layers.Activation("sigmoid", name="brake")(h[:, :1]) if shares else head(h)
    y, losses = {"steer": scale * STEER, "brake": BRAKE}, losses or LOSSES
    if not named:
        outputs, y = [list(one.values()) for one in (outputs, y)]
        losses = list(losses.values())
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), losses, loss_weights=weights)
    return model, X, y


def told(code, *batch):
    """The findings of a rule, of a model that stays as it is."""
    model = batch[0]
    before = [array(v) for v in model.variables]
    report = ci.diagnose(*batch)
    assert all(map(np.array_equal, before, map(array, model.variables)))
    assert not any("raises there" in one for one in report.environment["assumed"]), str(report)
    return [finding for finding in report.findings if finding.code == code], report


@pytest.mark.parametrize(
    ("weights", "named"),
    [({"steer": 1.0, "brake": 0.0}, True), ([1.0, 0.0], False), ([2.0, 0], False)],
)
def test_a_loss_weight_of_zero(weights, named):
    """One warning for all that it leaves untrained; with a weight of one it is trained."""
    (one,), report = told("CW618", *made(weights, named=named))
    assert (one.level, one.layer, one.evidence["weights"]) == ("warning", "brake", 2)
    assert "'brake' is 0: brake/kernel, brake/bias would be trained" in one.message
    assert one.treatment.healed, str(report)
    assert "CW503" not in {finding.code for finding in report.findings}
    model, x, y = made(weights, named=named)
    exec(one.treatment.code, {"model": model})
    assert not told("CW618", model, x, y)[0]


def test_targets_of_an_output_without_a_loss():
    """It is named, and no loss is guessed."""
    model, x, y = made(None, {"steer": "mse", "brake": None}, named=False)
    (one,), _ = told("CW618", model, x, y)
    assert "the output 'brake' has targets and no loss" in one.message
    assert one.treatment is None
    model, x, y = made(None, {"steer": "mse"})
    assert not told("CW618", model, x, {"steer": y["steer"]})[0]
    assert [one.layer for one in told("CW618", model, x, y)[0]] == ["brake"]


@pytest.mark.parametrize("how", [{"frozen": True}, {"shares": True}])
def test_an_output_that_is_only_looked_at(how):
    """Its layers are frozen, or trained for the other one."""
    assert not told("CW618", *made({"steer": 1.0, "brake": 0.0}, **how))[0]


def test_loss_weights_that_training_changes():
    """A variable is zero at the start only."""
    weight = keras.Variable(0.0, trainable=False)
    assert not told("CW618", *made({"steer": 1.0, "brake": weight}))[0]
    assert not told("CW618", *made({"steer": 1.0, "brake": 0.01}))[0]


def test_targets_in_units_that_rule_what_is_shared():
    """Their output, the other one, and what mends it are named."""
    model, x, y = made(None)
    y = {**y, "steer": 1e5 * y["steer"] + 3e5}
    (one,), report = told("CW511", model, x, y)
    assert one.level == "warning"
    assert "of the output 'steer' counts" in one.message
    assert one.evidence["times"] > 1e9
    assert one.evidence["share"] < 1e-4
    assert one.treatment.healed, str(report)
    assert "y['steer'].std(axis=0)" in one.treatment.code
    exec(one.treatment.code, {"y": y})
    assert not told("CW511", model, x, y)[0]


def summed(y_true, y_pred):
    """A sum over an example's numbers, counted in thousandths."""
    return ops.sum(ops.square(1e3 * (y_true - y_pred)))


def test_a_loss_in_other_units_is_weighed():
    """Its targets are no larger than those of the other one."""
    (one,), report = told("CW511", *made(None, {**LOSSES, "steer": summed}))
    assert one.treatment.healed, str(report)
    assert "a loss weight of" in one.treatment.change


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_losses_that_are_learnt_together(scale):
    """Of about one size, or of which one is fifty times as large."""
    assert not told("CW511", *made(None, scale=scale))[0]


def test_outputs_that_share_nothing():
    """A large loss does no harm to a smaller one beside it."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    heads = [
        layers.Dense(1, last)(layers.Dense(8, "tanh")(inputs)) for last in ("linear", "sigmoid")
    ]
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.Adam(0.01), ["mse", "binary_crossentropy"])
    assert not told("CW511", model, X, [1e5 * STEER + 3e5, BRAKE])[0]


def of_columns(y, p):
    return ops.mean(y[:, 1:] * ops.square(y[:, :1] - p), axis=-1)


class OfColumns(keras.losses.Loss):
    def call(self, y_true, y_pred):
        weights = y_true[:, 1:]
        error = ops.square(y_true[:, :1] - y_pred)
        return ops.mean(ops.multiply(error, weights), axis=-1)


def unbounded(loss, weights):
    keras.utils.set_random_seed(0)
    inner = layers.Dense(16, "relu", kernel_constraint=keras.constraints.MaxNorm(3.0))
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return told("CW606", model, X, np.concatenate([STEER, weights], axis=1))


@pytest.mark.parametrize("loss", [of_columns, OfColumns()], ids=["function", "class"])
def test_examples_that_count_negatively(loss):
    """The line and the range of what multiplies the errors are told; none below zero heals."""
    weights = np.random.default_rng(1).gamma(2.0, 1.0, size=(64, 1)).astype("float32")
    assert not unbounded(loss, weights)[0]
    (one,), report = unbounded(loss, weights - 2 * weights.mean())
    assert "The loss multiplies errors in [" in one.message
    assert one.source.text in (
        "return ops.mean(y[:, 1:] * ops.square(y[:, :1] - p), axis=-1)",
        "return ops.mean(ops.multiply(error, weights), axis=-1)",
    )
    assert one.treatment.healed, str(report)
    assert "keras.ops.maximum(" in one.treatment.diff or "ops.maximum(" in one.treatment.diff


def test_a_loss_weight_below_zero():
    """It is named, and tried with the other sign."""
    losses = {"steer": "mse", "brake": "mse"}
    (one,), report = told("CW606", *made({"steer": 1.0, "brake": -2.0}, losses, linear=True))
    assert "Of the loss weights that of 'brake' is -2" in one.message
    assert one.treatment.healed, str(report)


def test_a_loss_without_a_minus_has_no_such_product():
    """What falls without end for another reason is told as before."""

    def turned(y, p):
        return -ops.mean(ops.square(y[:, :1] - p))

    (one,), _ = unbounded(turned, np.ones((64, 1), "float32"))
    assert "multiplies" not in one.message
