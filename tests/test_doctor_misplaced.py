"""Constraints and weights in the wrong place: what is said of them, and what mends them."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._dropped import evaluated
from constrainit.doctor._frames import Fault
from constrainit.doctor.rules.cw001_model_fails import _fix
from constrainit.doctor.rules.cw201_constraint_raises import fix_for
from constrainit.doctor.treatments._at_each_call import kept_in_call
from constrainit.doctor.treatments._chosen_edits import with_a_result
from constrainit.model import WeightRecord

pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = X.sum(1, keepdims=True)
EAGER = keras.backend.backend() == "torch"


class Mixes(layers.Layer):
    """A weight whose constraint is given to it as a penalty."""

    def build(self, shape):
        self.mix = self.add_weight(
            name="mix", shape=(shape[-1], 4), regularizer=keras.constraints.NonNeg()
        )

    def call(self, x):
        return ops.matmul(x, self.mix)


class Shares(layers.Layer):
    """A weight whose name the call gives away, twice."""

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1],), initializer="ones")

    def call(self, x):
        self.w = ops.abs(self.w)
        self.w = self.w / ops.sum(self.w)
        return x * self.w


@keras.saving.register_keras_serializable("misplaced")
class Later(keras.constraints.Constraint):
    """Bounds a weight from its tenth call on."""

    def __init__(self):
        self.calls, self.shape = 0, None

    def __call__(self, w):
        self.calls += 1
        self.shape = 2
        return w if self.calls < 10 else ops.clip(w, -0.1, 0.1)


class Assigns(keras.constraints.Constraint):
    """Assigns to its weight and returns nothing."""

    def __call__(self, w):
        w.assign(w / ops.norm(w, axis=0, keepdims=True))


def summed_by_keras(w):
    """A penalty with a number for each unit."""
    return 0.01 * ops.square(ops.norm(w, axis=0) - 1.0)


def diagnosed(*parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), *parts, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, Y)


def first_of(report):
    return next(f for f in report.findings if f.counts)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"use_bias": keras.constraints.NonNeg()}, "as use_bias"),
        ({"activation": keras.constraints.NonNeg()}, "as activation"),
        ({"kernel_regularizer": keras.constraints.NonNeg()}, "as kernel_regularizer"),
    ],
    ids=["use_bias", "activation", "regularizer"],
)
def test_a_constraint_given_as_another_argument(given, says):
    """It is named with that argument, and attached to the kernel as a treatment."""
    report = diagnosed(layers.Dense(8, name="here", **given))
    first = first_of(report)
    assert (first.code, first.layer) == ("CW209", "here"), str(report)
    assert says in first.message
    assert "kernel_constraint=NonNeg(...)" in first.fix
    assert first.treatment.healed, str(report)


@pytest.mark.parametrize(
    ("place", "weight", "called_with"),
    [
        ("bias_regularizer", "bias", "called with the weight"),
        ("activity_regularizer", "kernel", "called with what the layer gives"),
    ],
)
def test_a_constraint_given_as_a_penalty_of_something_else(place, weight, called_with):
    """The weight that the argument is for is named, and what the constraint was called with."""
    report = diagnosed(layers.Dense(8, name="here", **{place: keras.constraints.NonNeg()}))
    [found] = [f for f in report.findings if f.code == "CW209"]
    assert found.weight.endswith(f"here/{weight}"), str(report)
    assert called_with in found.message
    assert f"{weight}_constraint=NonNeg(...)" in found.fix
    assert found.treatment.healed, str(report)


def test_a_constraint_given_to_add_weight_as_a_penalty():
    """The argument of `add_weight` is named, and not one of the layer."""
    first = first_of(diagnosed(Mixes()))
    assert (first.code, first.treatment.healed) == ("CW209", True)
    assert "give it as constraint=NonNeg(...), by name, to add_weight" in first.fix


def test_a_penalty_of_a_number_for_each_unit_is_healthy():
    """Keras sums it up."""
    report = diagnosed(layers.Dense(8, "tanh", kernel_regularizer=summed_by_keras))
    assert report.ok, str(report)


def test_a_weight_whose_name_is_given_away():
    """The line is named, and the edit keeps the tensor in a local name; what else fails follows."""
    report = diagnosed(Shares(name="here"))
    first = first_of(report)
    assert (first.code, first.weight.split("/")[-1]) == ("CW307", "w"), str(report)
    assert first.source.text == "self.w = self.w / ops.sum(self.w)"
    assert first.treatment.healed, str(report)
    assert "return x * w" in first.treatment.diff
    assert [f.code for f in report.findings if f.counts and not f.cause] == ["CW307"]


class Indexed(layers.Layer):
    """Keeps what it likes, by keys that have no order."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.kept = {layers.Dense: 1, "two": [2], 3: {layers.Layer(): ()}}

    def build(self, shape):
        self.kept["w"] = self.add_weight(name="w", shape=(shape[-1],), initializer="ones")

    def call(self, x):
        self.seen = x.shape
        return x * self.kept["w"]


def test_a_weight_in_a_dictionary_is_not_lost():
    """Whatever its keys are."""
    report = diagnosed(Indexed())
    assert report.ok, str(report)


def test_a_name_that_is_given_away_on_a_condition_is_left_to_the_person():
    """What a local name would be is not plain to see."""
    text = "class A:\n    def call(self, x):\n        if x:\n            self.w = 1 * self.w\n"
    assert kept_in_call("w")(text) is None


def test_a_constraint_that_counts():
    """A compiled step runs the count once; nothing is offered that would only stop it."""
    report = diagnosed(layers.Dense(8, kernel_constraint=Later()))
    [found] = [f for f in report.findings if f.code == "CW207"]
    assert found.level == ("info" if EAGER else "warning")
    assert "changes self.calls (" in found.message
    assert found.treatment is None or "own attributes" not in found.treatment.change
    assert "CW208" not in [f.code for f in report.findings]


def test_a_constraint_that_returns_nothing():
    """What it assigned is returned."""
    first = first_of(diagnosed(layers.Dense(8, kernel_constraint=Assigns())))
    assert (first.code, first.treatment.healed) == ("CW201", True)
    assert "+        return w / ops.norm(w, axis=0, keepdims=True)" in first.treatment.diff


@pytest.mark.parametrize(
    ("body", "last"),
    [
        ("w = ops.relu(w)", "return w"),
        ("made = ops.relu(w)", "return made"),
        ("w.assign(ops.relu(w))", "return ops.relu(w)"),
        ("print(w)", None),
        ("return w", None),
    ],
)
def test_what_a_constraint_without_a_result_is_to_return(body, last):
    """What it assigned last; nothing where that is not known, or it returns."""
    done = with_a_result(f"def positive(w):\n    {body}\n")
    assert (done and done[1].splitlines()[-1].strip()) == last


@keras.saving.register_keras_serializable("misplaced")
class Between(keras.constraints.Constraint):
    """It returns in one of its branches alone."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, w):
        w = ops.clip(w, self.low, self.high)
        if self.high is None:
            return ops.maximum(w, self.low)

    def get_config(self):
        return {"low": self.low, "high": self.high}


def test_a_constraint_that_returns_in_one_branch_alone():
    first = first_of(diagnosed(layers.Dense(8, kernel_constraint=Between(-0.5, 0.5))))
    assert (first.code, first.treatment.healed) == ("CW201", True)
    assert "\n+        return w\n" in first.treatment.diff


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("if w.ndim > 1:\n        return ops.relu(w)", ["return ops.relu(w)", "return w"]),
        (
            "if w.ndim > 1:\n        return ops.relu(w)\n    else:\n        return",
            ["return ops.relu(w)", "return w"],
        ),
        (
            "if w.ndim < 2:\n        return None\n    return ops.relu(w)",
            ["return w", "return ops.relu(w)"],
        ),
        ("if w.ndim > 1:\n        return w\n    else:\n        return -w", None),
        ("part = lambda v: v\n    return part(w)", None),
    ],
)
def test_each_branch_returns_the_weight(body, lines):
    done = with_a_result(f"def positive(w):\n    {body}\n")
    told = [one.strip() for one in done[1].splitlines() if "return" in one] if done else None
    assert told == lines


@keras.saving.register_keras_serializable("misplaced")
class Adapted(layers.Layer):
    """A kernel in a set, not trained, and an update of rank one; or the sum in the set."""

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(shape[-1], 3),
            initializer=keras.initializers.RandomUniform(0, 0.01),
            constraint=keras.constraints.NonNeg(), trainable=False,
        )  # fmt: skip
        self.left = self.add_weight(name="left", shape=(shape[-1], 1), initializer="he_normal")
        self.right = self.add_weight(name="right", shape=(1, 3), initializer="zeros")

    def call(self, x):
        kernel = self.kernel + ops.matmul(self.left, self.right)
        return ops.matmul(x, kernel)


class Kept(Adapted):
    def call(self, x):
        return ops.matmul(x, ops.relu(self.kernel + ops.matmul(self.left, self.right)))


class Shifted(Adapted):
    """Adds what the layer is given, which is no weight."""

    def call(self, x):
        return ops.matmul(x, self.kernel) + ops.matmul(x, ops.matmul(self.left, self.right))


@pytest.mark.parametrize(
    ("kind", "named"), [(Adapted, True), (Kept, False), (Shifted, False)],
    ids=["sum", "sum in the set", "another sum"],
)  # fmt: skip
def test_an_update_that_takes_a_weight_out_of_its_set(kind, named):
    """The sum is named where it is outside, and goes through the constraint as a treatment."""
    report = diagnosed(kind(name="adapted"))
    found = [f for f in report.findings if f.code == "CW216"]
    assert len(found) == named, str(report)
    if named:
        assert found[0].layer == "adapted"
        assert found[0].source.line
        assert "self.kernel.constraint(self.kernel + ops" in found[0].fix
        assert found[0].treatment.healed, str(report)


class Undone(Adapted):
    """Computes with what a function makes of the sum, which is in no set, while the sum is."""

    def call(self, x):
        update = 0.0 * ops.matmul(self.left, self.right)
        return ops.matmul(x, ops.negative(self.kernel + 0.0 * self.left) + update)


class Pulled(Adapted):
    """A penalty on how far a trained weight is from one in a set."""

    def build(self, shape):
        super().build(shape)
        self.own = self.add_weight(name="own", shape=self.kernel.shape)

    def call(self, x):
        self.add_loss(0.1 * ops.sum((self.own - self.kernel) ** 2))
        return ops.matmul(x, self.own)


class Remembers(Adapted):
    """Hands the sum to methods that keep it; what is looked at must not be kept."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def call(self, x):
        self.seen.append(self.kernel + ops.matmul(self.left, self.right))
        return ops.matmul(x, ops.relu(self.seen.pop()))


@pytest.mark.parametrize("kind", [Undone, Pulled, Remembers])
def test_a_sum_that_is_computed_with_in_another_way(kind):
    """A function may leave the set, and a penalty; a method is not called to see what it gives."""
    report = diagnosed(kind(name="adapted"))
    assert "CW216" not in {f.code for f in report.findings}, str(report)


class Elsewhere(layers.Layer):
    """Keeps its weight where Keras does not look, and in `call` what is no weight."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls, self.table = 0, {1: "a", "b": 2}

    def build(self, shape):
        self.held = SimpleNamespace(w=self.add_weight(shape=(shape[-1],), initializer="ones"))

    def call(self, x):
        self.calls += 1
        return x * self.held.w


def test_a_weight_that_is_kept_elsewhere_is_not_given_away():
    """An attribute that `call` sets is a weight's only if the class says so."""
    report = diagnosed(Elsewhere())
    assert report.ok, str(report)


class Apart(keras.constraints.Constraint):
    """A penalty that is written as a constraint: how far columns are from orthonormal ones."""

    def __call__(self, w):
        gram = ops.matmul(ops.transpose(w), w)
        return 1e-3 * ops.sum(ops.square(gram - ops.eye(w.shape[-1])))


class Uncorrelated(keras.constraints.Constraint):
    """A penalty on what a layer gives, which keeps what it was called with."""

    def __call__(self, codes):
        self.centred = codes - ops.mean(codes, axis=0)
        gram = ops.matmul(ops.transpose(self.centred), self.centred)
        return 1e-3 * ops.sum(ops.square(gram * (1 - ops.eye(codes.shape[-1]))))


class Back(layers.Layer):
    """A decoder that shares the kernel of its encoder, and holds a constraint for it."""

    def __init__(self, encoder, units):
        super().__init__(name="back")
        self.encoder, self.units = encoder, units
        self.kernel_constraint = keras.constraints.UnitNorm(axis=1)

    def build(self, shape):
        self.kernel = self.encoder.kernel
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.kernel)) + self.bias


def test_a_penalty_that_is_written_as_a_constraint():
    """It gives one number for many weights, and is right where it is; a bound is not."""
    unit = ci.UnitNorm()
    report = diagnosed(
        layers.Dense(
            4, kernel_regularizer=Apart(), activity_regularizer=Uncorrelated(),
            kernel_constraint=unit, kernel_initializer=unit.initializer(seed=0),
        )
    )  # fmt: skip
    assert report.ok, str(report)
    held = diagnosed(layers.Dense(4, kernel_regularizer=Apart(), bias_regularizer=ci.MaxNorm(1)))
    assert [(f.code, f.weight.split("/")[-1]) for f in held.findings if f.counts][:1] == [
        ("CW209", "bias")
    ]


def test_a_constraint_for_the_kernel_of_another_layer():
    """It is told at the layer that holds it, and at none of its other weights."""
    keras.utils.set_random_seed(0)
    encoder = layers.Dense(3, name="code")
    model = keras.Sequential([keras.Input((6,)), encoder, Back(encoder, 6)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    found = [f for f in ci.diagnose(model, X, X).findings if f.counts]
    assert [(f.code, f.layer, f.weight) for f in found] == [("CW209", "back", "")]
    assert "`kernel`" in found[0].message


class Shared(layers.Layer):
    """Decodes with the kernel of another layer, to which it gives a constraint of its own."""

    def __init__(self, source, constraint, **others):
        super().__init__(**others)
        self.source, self.constraint = source, constraint

    def build(self, shape):
        self.source.kernel.constraint = self.constraint

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.source.kernel))


def sharing(first, second):
    keras.utils.set_random_seed(0)
    encoder = layers.Dense(3, name="code", use_bias=False, kernel_constraint=first)
    model = keras.Sequential([keras.Input((6,)), encoder, Shared(encoder, second)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    found = ci.diagnose(model, X, X).findings
    return [finding for finding in found if finding.code == "CW209"]


def test_a_constraint_whose_place_another_one_has_taken():
    """Both are named, and tried together."""
    (one,) = sharing("non_neg", keras.constraints.UnitNorm(axis=0))
    assert (one.layer, one.weight.split("/")[-1], one.level) == ("code", "kernel", "warning")
    assert "kernel_constraint=ci.NonNegative(), but the weight has another one" in one.message
    assert one.treatment.healed, one.treatment.change
    assert "ci.NonNegative() & ci.UnitNorm(axis=0)" in one.treatment.code


class Halved(keras.constraints.Constraint):
    """A constraint of the user's own, for weights of any sign."""

    def __call__(self, w):
        return ops.clip(w, -0.5, 0.5)


def test_a_constraint_whose_place_one_of_the_users_own_has_taken():
    (one,) = sharing("non_neg", Halved())
    assert "another one, Halved" in one.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (keras.constraints.MaxNorm(2, axis=0), keras.constraints.UnitNorm(axis=0)),
        ("non_neg", keras.constraints.NonNeg()),
        ("non_neg", ci.Box(0, 1)),
        ("non_neg", ci.Relaxed(ci.NonNegative(), rate=0.1)),
        (None, keras.constraints.NonNeg()),
    ],
    ids=["narrower", "same", "bounds", "relaxed", "none"],
)
def test_a_constraint_that_keeps_the_first_one_is_healthy(first, second):
    assert not sharing(first, second)


def test_sets_that_are_given_later_are_those_of_the_layer():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(6, kernel_constraint="non_neg")])
    ci.constrain(model, {"*/kernel": ci.UnitNorm()})
    model.compile("adam", "mse")
    assert not [f for f in ci.diagnose(model, X, X).findings if f.code == "CW209"]


RAN = []


def ran(value):
    RAN.append(value)
    return ci.Box(0, value)


class Asked(layers.Layer):
    limit = 2.0


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("keras.constraints.NonNeg()", True),
        ("ci.Box(0, 2 * self.limit)", True),
        ("keras.constraints.get('non_neg')", True),
        ("lambda w: ran(w)", True),
        ("ran(1.0)", False),
        ("ci.Box(0, ran(1.0))", False),
        ("lambda w, k=ran(1.0): w", False),
        ("[ran(n) for n in range(3)][0]", False),
        ("(RAN.append(1), ci.NonNegative())[1]", False),
    ],
)
def test_only_constraints_are_made_once_more(text, made):
    """Of the expression that a layer gave to a Variable no other code of the user's runs again."""
    RAN.clear()
    record = WeightRecord("w", "w", Asked(), None, None)
    assert (evaluated(record, text) is not None) == made
    assert RAN == []


def test_no_line_is_named_where_none_is_known():
    """What raises in a library, or in a session, has no line of the user's."""
    fault = Fault("ValueError", "it does not fit", ())
    fixes = [_fix(stage, fault, later) for stage in ("forward", "gradients") for later in (0, 1)]
    assert not any("line above" in fix for fix in [*fixes, fix_for(fault)])
