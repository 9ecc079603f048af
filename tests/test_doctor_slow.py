"""Weights in units that no step moves, numbers that start where nothing is defined, late errors."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._finding import Finding
from constrainit.doctor.rules.cw615_learning_rate_too_low import without_refused

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")


class Spring(layers.Layer):
    """A force in the units of its subject, or in others."""

    def __init__(self, start, units=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start, self.units = start, units

    def build(self, shape):
        self.stiffness = self.add_weight(
            name="stiffness", shape=(), initializer=keras.initializers.Constant(self.start),
            constraint=keras.constraints.NonNeg(),
        )  # fmt: skip

    def call(self, x):
        return self.units * self.stiffness * x


@keras.saving.register_keras_serializable("slow")
class Elasticity(layers.Layer):
    """A mean whose power starts at zero, by which it divides."""

    def build(self, shape):
        self.rho = self.add_weight(name="rho", shape=(), initializer="zeros", constraint=Range())

    def call(self, x):
        inner = ops.mean(ops.exp(self.rho * x), axis=-1, keepdims=True)
        return ops.log(inner) / self.rho


@keras.saving.register_keras_serializable("slow")
class Range(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -2.0, 0.95)


@keras.saving.register_keras_serializable("slow")
class Symmetrical(keras.constraints.Constraint):
    def __call__(self, w):
        return 0.5 * (w + ops.transpose(w))


@keras.saving.register_keras_serializable("slow")
class FarFloor(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.maximum(w, -50.0)


class Saturating(layers.Layer):
    """A rate of a reaction that is half of its largest at some concentration, in natural units."""

    def build(self, shape):
        positive = keras.constraints.NonNeg()
        self.most, self.half = (
            self.add_weight(name=name, shape=(), initializer="ones", constraint=positive)
            for name in ("most", "half")
        )

    def call(self, x):
        return self.most * x / (self.half + x)


class Whitening(layers.Layer):
    """Whitens what it is given by the factor of a covariance that is learnt."""

    def build(self, shape):
        self.cov = self.add_weight(
            name="cov", shape=(shape[-1], shape[-1]), initializer="identity",
            constraint=Symmetrical(),
        )  # fmt: skip

    def call(self, x):
        factor = ops.cholesky(self.cov)
        white = ops.transpose(ops.solve_triangular(factor, ops.transpose(x), lower=True))
        volume = ops.sum(ops.log(ops.diagonal(factor)))
        return ops.concatenate([white, ops.zeros_like(white[:, :1]) + volume], axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], shape[-1] + 1)


def likelihood(y_true, y_pred):
    return 0.5 * ops.sum(ops.square(y_pred[:, :-1]), axis=-1) + y_pred[:, -1]


def diagnosed(layer, x, y, optimizer, loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    model.compile(optimizer, loss)
    return ci.diagnose(model, x, y)


@pytest.mark.parametrize(
    ("start", "units", "rate", "says"),
    [
        (9e3, 1.0, 0.01, "multiply by 9000 in call"),
        (0.9, 1e4, 1e-6, "a learning rate of 0.01"),
        (0.9, 1e4, 0.01, ""),
    ],
    ids=["units of the subject", "low", "scaled"],
)
def test_weights_that_no_step_moves(start, units, rate, says):
    """A rate that trains is tried on half of the batch; units are named for a weight that large."""
    layer = Spring(start, units, name="spring")
    report = diagnosed(layer, X[:, :1], 2e4 * X[:, :1], keras.optimizers.Adam(rate))
    found = [f for f in report.findings if f.code == "CW615"]
    assert len(found) == bool(says), str(report)
    if says:
        assert says in found[0].fix
        assert found[0] is next(f for f in report.findings if f.counts)
        assert found[0].treatment.healed, str(report)


@pytest.mark.parametrize(
    ("target", "rate", "found"), [(450.0, 1e-3, True), (450.0, 1.0, False), (3.0, 1e-3, False)]
)
def test_weights_whose_goal_is_far_away(target, rate, found):
    """A constant of hundreds that starts at one, of which a step of Adam moves a thousandth."""
    report = diagnosed(Spring(1.0), X[:, :1], target * X[:, :1], keras.optimizers.Adam(rate))
    slow = [f for f in report.findings if f.code == "CW615"]
    assert bool(slow) == found, str(report)
    assert not found or "and multiply by" in slow[0].fix


@pytest.mark.parametrize(("size", "says"), [(0.01, True), (1.0, False)])
def test_the_size_of_data_that_makes_the_gradients_small_is_told(size, says):
    """Returns of a hundredth, of which a step of SGD learns next to nothing."""
    x = (size * X).astype("float32")
    start = keras.initializers.Constant([[0.9], [0.1], [0.6], [0.1]])
    dense = layers.Dense(1, kernel_initializer=start, use_bias=False, kernel_constraint="non_neg")
    rate = 0.05 if size < 1 else 1e-6
    report = diagnosed(dense, x, x @ np.float32([[1], [2], [0.5], [1]]), keras.optimizers.SGD(rate))
    (slow,) = (f for f in report.findings if f.code == "CW615")
    told = re.search(r"mean square is (\S+) for the data and (\S+) for the targets", slow.message)
    assert bool(told) == says, str(report)
    if told is not None:
        assert float(told[1]) == pytest.approx(float(np.sqrt(np.mean(x**2))), rel=0.05)


@pytest.mark.parametrize("known", [True, False])
def test_pretrained_weights_and_a_low_rate(known):
    """A fresh optimizer with a low rate is meant where the weights know most already."""
    truth = np.float32([[2.0], [-1.0], [0.5], [0.1]])
    x = RNG.normal(size=(64, 4)).astype("float32")
    start = keras.initializers.Constant(0.8 * (truth if known else truth[::-1]))
    dense = keras.layers.Dense(1, kernel_initializer=start, use_bias=False)
    report = diagnosed(dense, x, x @ truth, keras.optimizers.Adam(1e-6))
    assert ("CW615" in [f.code for f in report.findings]) != known, str(report)


@pytest.mark.parametrize(("size", "found"), [(3e5, True), (30.0, False)])
def test_targets_that_the_steps_never_get_to(size, found):
    """Prices, of which a step of Adam covers a part in many millions; scaled ones are learnt."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    report = ci.diagnose(model, X, size + 0.2 * size * X[:, :1])
    first = [f for f in report.findings if f.code == "CW602"]
    assert bool(first) == found, str(report)
    assert report.ok != found
    assert not found or first[0].treatment.healed


def test_a_start_that_is_near_by_chance_knows_nothing():
    """Weights that give about the targets, whatever the example is, are held back by a clip."""
    start = keras.initializers.Constant(np.tile([[0.2, -0.3]], (6, 1)))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, "sigmoid")])
    model.add(layers.Dense(2, kernel_initializer=start))
    model.compile(keras.optimizers.SGD(0.01, clipnorm=1e-3), "mse")
    report = ci.diagnose(model, X, np.stack([1 + 0.4 * X[:, 0], 0.3 * X[:, 1] - 1.4], 1))
    [slow] = report.findings
    assert slow.code == "CW615"
    assert slow.treatment.change == "clipnorm left out"
    assert slow.treatment.healed


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize(("scale", "good"), [(0.02, True), (0.17, False)], ids=["flat", "steep"])
def test_a_higher_rate_that_is_too_high_later_is_no_cure(scale, good, outside):
    """Along a steep direction the loss grows from next to nothing, which the look does not see.

    That the steps are slow may be seen only once the weights start inside of their set.
    """
    signs = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]).T
    x = (np.repeat(signs, 16, axis=0) * [0.01, scale, 0.01]).astype("float32")
    start = keras.initializers.Constant([[100.0], [1.0], [-100.0 if outside else 1.0]])
    dense = layers.Dense(1, kernel_initializer=start, use_bias=False, kernel_constraint=FarFloor())
    report = diagnosed(dense, x, x @ [[0.0], [1.001], [0.0]], keras.optimizers.SGD(0.4))
    tried = [f.treatment for f in report.findings if f.treatment]
    healed = [one.change for one in tried if one.healed]
    assert bool(healed) == good, str(report)
    assert all("a learning rate of 40" in change for change in healed)
    if not good and not outside:
        assert "in 200 steps the loss falls farther with the steps as they are" in tried[0].change
    # What was tried and is no cure is not told as one.
    for slow in (f for f in report.findings if f.code == "CW615"):
        assert ("; or a learning rate of 40" in slow.fix) == good
        assert slow.fix.endswith("a rate of 40 was tried, and is no cure") != good


def test_a_higher_rate_whose_first_step_goes_too_far_and_comes_back():
    """A number that its constraint puts at zero once leaves it again: no signal is lost by that."""
    x = np.random.default_rng(1).uniform(1, 300, size=(64, 1))
    report = diagnosed(Saturating(name="own"), x, 120 * x / (35 + x), keras.optimizers.Adam(1e-3))
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW615", "own"), str(report)
    assert first.treatment.healed, str(report)
    assert "a learning rate of 10 in place of 0.001" in first.treatment.change


def test_a_loss_that_no_rate_lowers_is_not_blamed_on_the_rate():
    """Where nothing can be learnt, no rate is too low."""
    y = 2e4 * RNG.choice([-1.0, 1.0], size=(64, 1))
    report = diagnosed(Spring(1e-2), np.ones_like(y), y, keras.optimizers.Adam(1e-9))
    assert "CW615" not in [f.code for f in report.findings], str(report)


def test_a_number_that_starts_at_zero_and_is_divided_by():
    """It starts elsewhere, rather than having a floor that its negative values would fall under."""
    y = X.mean(1, keepdims=True)
    report = diagnosed(Elasticity(name="ces"), X, y, keras.optimizers.Adam(0.01))
    first = next(f for f in report.findings if f.counts)
    assert (first.code, first.layer) == ("CW401", "ces"), str(report)
    assert first.treatment.healed
    assert "rho starts at 0.1 in place of 0" in first.treatment.change


def test_what_raises_only_after_some_steps():
    """It is told as that, in its layer, and mended by a set that the steps can not leave."""
    draws = np.random.default_rng(13)
    common = draws.normal(size=(256, 1))
    x = (0.9 * common + 0.07 * draws.normal(size=(256, 4))).astype("float32")
    adam = keras.optimizers.Adam(0.02)
    report = diagnosed(Whitening(name="white"), x, np.zeros((256, 5)), adam, likelihood)
    first = next(f for f in report.findings if f.counts)
    assert (first.code, first.layer) == ("CW001", "white"), str(report)
    assert "training, after 20 steps or more" in first.message
    assert "targets" not in first.fix
    assert first.treatment.healed, str(report)
    assert "PositiveSemidefinite" in first.treatment.change


def test_a_fix_that_was_refused_is_not_told():
    """Of a rate by itself there is one between; of a clip another one."""
    numbers = {"moved": 1e-6, "rate": 0.01, "higher_rate": 1.0}
    parts = ("CW615", "slow", "warning", "training", "d", "d/kernel", "slow")
    found = Finding(*parts, "a learning rate of 1", numbers)
    assert without_refused(found) == (
        "a learning rate between 0.01 and 1, in small steps: a rate of 1 was tried, and is no cure"
    )
    found = Finding(*parts, "leave out clipnorm", {"moved": 1e-6, "free": 0.1, "clipnorm": 1e-3})
    assert without_refused(found).startswith("clip at what the gradients are when they are usual")
