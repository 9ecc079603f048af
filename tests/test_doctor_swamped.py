"""What layers add to a loss, beside the loss of the data."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
KINDS = DRAWS.random((4, 32)) > 0.5
PICTURES = np.abs(KINDS[np.arange(64) % 4] - 0.1 * DRAWS.random((64, 32))).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_swamped")
class Code(layers.Layer):
    """A code with noise, which is pulled to no code at all."""

    def __init__(self, weight, offset=0.0, start="glorot_uniform", **named):
        super().__init__(**named)
        self.weight, self.offset, self.start = weight, offset, start
        self.middle, self.width = (layers.Dense(8, kernel_initializer=start) for _ in range(2))
        self.seed = keras.random.SeedGenerator(1)

    def build(self, shape):
        self.middle.build(shape)
        self.width.build(shape)

    def call(self, x):
        middle, width = self.middle(x), self.width(x)
        pull = 0.5 * ops.sum(ops.exp(width) + ops.square(middle) - 1 - width, axis=1)
        self.add_loss(self.weight * ops.mean(pull) + self.offset)
        return middle + ops.exp(width / 2) * keras.random.normal(ops.shape(middle), seed=self.seed)

    def get_config(self):
        own = {"weight": self.weight, "offset": self.offset, "start": self.start}
        return {**super().get_config(), **own}


def diagnosed(*given):
    keras.utils.set_random_seed(0)
    bounded = {"activation": "tanh", "kernel_constraint": keras.constraints.MaxNorm(3.0)}
    inner = [layers.Dense(32, **bounded), Code(*given, name="code"), layers.Dense(32, **bounded)]
    model = keras.Sequential([keras.Input((32,)), *inner, layers.Dense(32, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, PICTURES, PICTURES)


def test_a_divergence_that_is_a_sum_beside_an_error_that_is_a_mean():
    """Every picture comes out the same, and would not without it."""
    report = diagnosed(1.0)
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW609", "code"), str(report)
    assert first.evidence["share"] > 0.25
    assert first.treatment.healed, str(report)
    assert "+        self.add_loss((self.weight * ops.mean(pull) + self.offset) / 32)" in (
        first.treatment.diff
    )
    assert first.evidence["data_loss_alone"] < 0.7 * first.evidence["data_loss_after"]


def test_a_divergence_that_begins_as_a_small_part_of_the_loss():
    """It is what the loss is at the end that tells."""
    report = diagnosed(0.3, 0.0, "random_normal")
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW609", "code"), str(report)
    assert first.evidence["share"] < 0.25
    assert first.treatment.healed, str(report)


@pytest.mark.parametrize("given", [(1e-3,), (1e-3, 5.0)], ids=["small", "a constant"])
def test_what_is_added_leaves_the_data_to_be_learnt(given):
    report = diagnosed(*given)
    assert "CW609" not in {finding.code for finding in report.findings}, str(report)


def penalised(strength, penalty=keras.regularizers.L2, rate=0.01):
    """A classifier of pictures with penalties on both kernels."""
    keras.utils.set_random_seed(0)
    given = {"kernel_regularizer": penalty(strength)}
    bounded = {"kernel_constraint": keras.constraints.MaxNorm(9.0), **given}
    inner = layers.Dense(24, "sigmoid", name="inner", **bounded)
    last = layers.Dense(4, "softmax", name="last", **given)
    model = keras.Sequential([keras.Input((32,)), inner, last])
    model.compile(keras.optimizers.RMSprop(rate), "sparse_categorical_crossentropy")
    return ci.diagnose(model, PICTURES, np.arange(64) % 4)


@keras.saving.register_keras_serializable("test_doctor_swamped")
class Squares(keras.regularizers.Regularizer):
    """One of a class of one's own."""

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, w):
        return self.strength * ops.sum(ops.square(w))

    def get_config(self):
        return {"strength": self.strength}


@pytest.mark.parametrize("penalty", [keras.regularizers.L2, Squares])
def test_penalties_that_take_the_weights_to_a_constant(penalty):
    """The loss of the data falls to that of a constant; weaker ones leave it to be learnt."""
    report = penalised(0.1, penalty)
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW609", "inner"), str(report)
    assert "that of a constant" in first.message
    assert first.evidence["data_loss_alone"] < 0.7 * first.evidence["data_loss_after"]
    if penalty is keras.regularizers.L2:
        assert first.treatment.healed, str(report)
        assert "kernel_regularizer=keras.regularizers.L2(l2=" in first.treatment.code
    else:
        assert first.treatment is None


@pytest.mark.parametrize("strength", [1e-4, 3e-3])
def test_penalties_that_leave_the_data_to_be_learnt(strength):
    report = penalised(strength)
    assert report.ok, str(report)


def test_penalties_are_not_blamed_where_nothing_is_learnt_without_them():
    """As by a rate that is far too low."""
    report = penalised(0.1, rate=1e-6)
    assert "CW609" not in {finding.code for finding in report.findings}, str(report)


def on_directions(optimizer, penalty=keras.regularizers.L2, strength=0.5, **given):
    """Kernels whose units have a norm of one, with penalties on them, or on the last one alone."""
    keras.utils.set_random_seed(0)
    given = given or {
        "kernel_constraint": keras.constraints.UnitNorm(axis=0),
        "kernel_regularizer": penalty(strength),
    }
    model = keras.Sequential([keras.Input((16,))])
    model.add(layers.Dense(48, "relu", name="directions", **given))
    model.add(layers.Dense(48, "relu", name="mix", **given))
    model.add(layers.Dense(1))
    model.compile(optimizer, "mse")
    draws = np.random.default_rng(0)
    x = draws.normal(size=(128, 16)).astype("float32")
    y = np.abs(x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    return ci.diagnose(model, x, y - y.mean())


def test_a_penalty_that_the_constraint_keeps_as_it_is():
    """The square of a norm of one: nothing makes it smaller, and Adam divides by its gradient."""
    report = on_directions(keras.optimizers.Adam(3e-3))
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW609", "mix"), str(report)
    assert "the constraint keeps them as they are" in first.message
    assert first.treatment.healed, str(report)
    assert "regularizer" not in first.treatment.code
    assert 'kernel_constraint=keras.constraints.UnitNorm(axis=0), name="mix")' in (
        first.treatment.code
    )
    assert first.evidence["data_loss_alone"] < 0.5 * first.evidence["data_loss_after"]


@pytest.mark.parametrize(
    ("optimizer", "strength"), [(keras.optimizers.SGD, 0.5), (keras.optimizers.Adam, 1e-5)]
)
def test_a_penalty_that_is_kept_and_does_no_harm(optimizer, strength):
    """A step of SGD along the norm is taken back as a whole; a faint one is nothing to Adam."""
    report = on_directions(optimizer(3e-3), strength=strength)
    assert "CW609" not in {finding.code for finding in report.findings}, str(report)


def coded(strength, adding=layers.Dense, noise=0.0, examples=96):
    """Pictures of few parts and some noise, told by a code that is to be sparse."""
    keras.utils.set_random_seed(0)
    sparse = keras.regularizers.L1(strength)
    given = {"activity_regularizer": sparse} if adding is layers.Dense else {}
    model = keras.Sequential([keras.Input((32,)), layers.Dense(16, "relu", name="code", **given)])
    if adding is not layers.Dense:
        model.add(adding(l1=strength, name="sparse"))
    model.add(layers.Dense(32, kernel_constraint=keras.constraints.MaxNorm(1.0, axis=1)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    draws = np.random.default_rng(0)
    for kernel in model.trainable_weights[::2]:
        kernel.assign(draws.uniform(-0.35, 0.35, kernel.shape))
    parts = draws.gamma(1.0, 1.0, (examples, 6)) * (draws.random((examples, 6)) < 0.4)
    x = parts @ draws.normal(size=(6, 32)) + noise * draws.normal(size=(examples, 32))
    return ci.diagnose(model, x / np.std(x), x / np.std(x))


@pytest.mark.parametrize("adding", [layers.Dense, layers.ActivityRegularization])
def test_a_code_that_is_held_so_small_that_little_is_told(adding):
    """Something is learnt of the data, but far less, also of those that are not trained on."""
    report = coded(0.16, adding)
    first = next(finding for finding in report.findings if finding.counts)
    where = "code" if adding is layers.Dense else "sparse"
    assert (first.code, first.layer) == ("CW609", where), str(report)
    assert "is far from learnt" in first.message
    assert first.treatment.healed, str(report)
    assert f"1=0.005{')' if adding is layers.Dense else ''}, " in first.treatment.code
    assert f'name="{where}"' in first.treatment.code


@pytest.mark.parametrize(
    "given", [{"strength": 3e-3}, {"strength": 0.1, "noise": 3.0, "examples": 48}]
)
def test_a_code_that_is_sparse_and_tells(given):
    """Without it, noise would be learnt by heart, which examples that are not trained on show."""
    report = coded(**given)
    assert "CW609" not in {finding.code for finding in report.findings}, str(report)
