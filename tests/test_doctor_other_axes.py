"""Axes of constraints that only training tells: of layers of which nothing is known."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._calls import with_argument

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

registered = keras.saving.register_keras_serializable("test_doctor_other_axes")

KINDS, PARTS = 4, 20


@registered
class Shares(keras.constraints.Constraint):
    """Shares of a whole."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = ops.maximum(w, 1e-6)
        return w / ops.sum(w, axis=self.axis, keepdims=True)

    def get_config(self):
        return {"axis": self.axis}


class Blend(layers.Layer):
    """What is made of the kinds that are mixed, of which each has its parts."""

    def build(self, shape):
        self.parts = self.add_weight(
            shape=(shape[-1], PARTS), initializer=self.start(), constraint=self.rule(), name="parts"
        )

    def start(self):
        return keras.initializers.RandomUniform(0.03, 0.07, seed=2)

    def rule(self):
        return None

    def call(self, x):
        return ops.matmul(x, self.parts)


class Wrong(Blend):
    def rule(self):
        return Shares(axis=0)


class ByDefault(Blend):
    def rule(self):
        return Shares()


class Right(Blend):
    def rule(self):
        return Shares(axis=1)


class FarOff(Right):
    def start(self):
        return keras.initializers.RandomUniform(0.5, 3.0, seed=2)


DRAWS = np.random.default_rng(3)
PROFILES = DRAWS.dirichlet(np.full(PARTS, 0.4), size=KINDS)
MIXED = DRAWS.dirichlet(np.full(KINDS, 0.6), size=200).astype("float32")


def mixture(layer, kinds=PROFILES):
    """A model, and what it is to learn."""
    keras.utils.set_random_seed(0)
    inner = [layers.Dense(8, "tanh"), layers.Dense(KINDS, "softmax")]
    model = keras.Sequential([keras.Input((KINDS,)), *inner, layer])
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    return model, np.log(MIXED + 0.02), (MIXED @ kinds).astype("float32")


def counted(report):
    return [finding for finding in report.findings if finding.counts]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [(Wrong, "Shares(axis=0)", "Shares(axis=1)"), (ByDefault, "Shares()", "Shares(axis=1)")],
)
def test_shares_over_the_wrong_axis(kind, before, after):
    """Each part is shared among the kinds, and not each kind among the parts."""
    report = ci.diagnose(*mixture(kind(name="blend")))
    first, *others = counted(report)
    assert first.code == "CW301", str(report)
    assert first.weight.endswith("blend/parts")
    assert (first.evidence["axis"], first.evidence["unit_axes"]) == ([0], [1])
    assert first.evidence["loss_along"] < 0.5 * first.evidence["loss_after"]
    assert first.treatment.healed, str(report)
    assert "'blend/parts': Shares(axis=1)" in first.treatment.code
    diff = first.treatment.diff.splitlines()
    assert f"-        return {before}" in diff
    assert f"+        return {after}" in diff
    assert {other.code for other in others} >= {"CW101", "CW102"}
    assert all(other.cause == f"CW301 {first.weight}" for other in others)


@pytest.mark.parametrize("kind", [Right, FarOff])
def test_shares_over_the_right_axis(kind):
    """A start outside is a fault of its own, and a start inside mends it."""
    report = ci.diagnose(*mixture(kind(name="blend")))
    assert "CW301" not in {finding.code for finding in report.findings}
    assert all(f.treatment.healed or f.cause for f in counted(report)), str(report)


class Tight(layers.Layer):
    """A dense layer of the user's own, whose units are held far below what they are to be."""

    def build(self, shape):
        bound = keras.constraints.MaxNorm(0.5, axis=0)
        self.w = self.add_weight(shape=(shape[-1], 6), constraint=bound, name="w")

    def call(self, x):
        return ops.matmul(x, self.w)


def test_a_tight_bound_along_the_right_axis():
    """It starts outside, and along the other axis it would bound less."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((40,)), Tight(), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(200, 40)).astype("float32")
    report = ci.diagnose(model, x, np.tanh(x[:, :3]).sum(1, keepdims=True))
    assert "CW301" not in {finding.code for finding in report.findings}, str(report)


class Given:
    """Calls, as they are written."""

    first = Shares(0)
    second = keras.constraints.MaxNorm(2.0)
    third = keras.constraints.UnitNorm(
        axis=0,
    )


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Shares, "+    first = Shares(1)"),
        (keras.constraints.MaxNorm, "+    second = keras.constraints.MaxNorm(2.0, axis=1)"),
        (keras.constraints.UnitNorm, "+        axis=1,"),
        (keras.constraints.MinMaxNorm, ""),
    ],
)
def test_another_argument_where_the_file_makes_an_object(kind, line):
    """By its place, by its name, or left out; the call that is meant must be known."""
    diff = with_argument([Given], kind, "axis", lambda value: value == 0, 1, most=1)
    assert line in diff.splitlines() if line else diff == ""


class Table(layers.Layer):
    """Rows of features, given by their numbers."""

    def __init__(self, axis, most=2.0, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.most = axis, most

    def build(self, shape):
        bound = keras.constraints.MaxNorm(self.most, axis=self.axis)
        start = keras.initializers.RandomNormal(0.0, 0.3, seed=len(self.name))
        self.rows = self.add_weight(shape=(60, 3), initializer=start, constraint=bound, name="rows")

    def call(self, number):
        return ops.take(self.rows, number, axis=0)


def factors(axis, most=2.0):
    """A table of numbers as products of two of few features, and its entries."""
    keras.utils.set_random_seed(0)
    who, what = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    rows = [Table(axis, most, name="who")(who), Table(axis, most, name="thing")(what)]
    model = keras.Model([who, what], layers.Dot(1)(rows))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    draws = np.random.default_rng(5)
    left, right = (1.1 * draws.normal(size=(60, 3)).clip(-1, 1) for _ in range(2))
    pairs = draws.integers(0, 60, size=(2, 900)).astype("int32")
    return model, list(pairs), np.sum(left[pairs[0]] * right[pairs[1]], axis=1, dtype="float32")


def test_norms_of_features_in_place_of_rows():
    """The norm of a feature over all rows is bounded, and leaves each row next to nothing."""
    report = ci.diagnose(*factors(0))
    found = [f for f in counted(report) if f.code == "CW301"]
    assert [f.weight for f in found] == ["who/rows", "thing/rows"], str(report)
    assert all(f.treatment.healed for f in found), str(report)
    assert "keras.constraints.MaxNorm(max_value=2.0, axis=1)" in found[0].treatment.code


@pytest.mark.parametrize(("axis", "most"), [(1, 2.0), (0, 20.0)])
def test_norms_that_leave_the_model_to_train(axis, most):
    """Those of the rows, and those of features that are bounded by enough for all rows."""
    report = ci.diagnose(*factors(axis, most))
    assert "CW301" not in {finding.code for finding in report.findings}, str(report)


@registered
class Phasors(layers.Layer):
    """Absolute values of sums of phasors, each a pair of a real and an imaginary part."""

    def __init__(self, axis, **named):
        super().__init__(**named)
        self.axis = axis

    def build(self, shape):
        self.phasors = self.add_weight(
            shape=(4, 2, shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.7, seed=1),
            constraint=ci.UnitNorm(axis=self.axis),
            name="phasors",
        )

    def call(self, x):
        real, imaginary = (ops.transpose(self.phasors[:, part]) for part in (0, 1))
        first = ops.matmul(x[:, 0], real) - ops.matmul(x[:, 1], imaginary)
        second = ops.matmul(x[:, 0], imaginary) + ops.matmul(x[:, 1], real)
        return ops.sqrt(first**2 + second**2 + 1e-6)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


def phased(axis):
    """What an array of twelve elements receives from many directions."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2, 12)), Phasors(axis, name="array")])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    places = np.arange(12)
    phases = np.pi * np.sin(np.linspace(-1.3, 1.3, 120))[:, None] * places
    turned = np.exp(
        -1j * (np.pi * np.sin([-0.7, -0.2, 0.3, 0.8])[:, None] * places + 0.01 * places**2)
    )
    x = np.stack([np.cos(phases), np.sin(phases)], 1).astype("float32")
    return model, x, np.abs(np.exp(1j * phases) @ turned.T).astype("float32")


def test_a_norm_of_all_elements_in_place_of_each_pair():
    """Along another axis the loss falls at first as well, but not as far."""
    first = counted(ci.diagnose(*phased(2)))[0]
    assert (first.code, first.evidence["unit_axes"]) == ("CW301", [1]), str(first)
    assert first.treatment.healed


def test_pairs_of_norm_one_are_right():
    """The model trains, and no other axis is told of."""
    codes = [f.code for f in ci.diagnose(*phased(1)).findings]
    assert "CW301" not in codes
