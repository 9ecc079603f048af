"""What the doctor tries: small faulty models that one change, or two in turn, heal."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._finding import Finding
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments import (
    constraints,
    data,
    last_layers,
    models,
    outputs,
    softplus,
    source,
)
from constrainit.doctor.treatments._follow import follow
from constrainit.doctor.treatments._remedy import Changed, Look, write

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(16, 4)).astype("float32")
Y = X[:, :1].copy()
KINDS = X[:, :3].argmax(axis=1)

registered = keras.saving.register_keras_serializable("test_doctor_treatments")


@registered
class Direction(layers.Layer):
    """0/0 for a row of zeros; behind it, the derivative of a root at zero."""

    def call(self, x):
        return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))


@registered
class Binary(layers.Layer):
    """Its weight gets no gradient."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), name="w")

    def call(self, x):
        return x * ops.sign(self.w)


@registered
class SharesByCall(keras.constraints.Constraint):
    """Does nothing; run, it gives 0/0 for a unit without a positive weight."""

    def call(self, w):
        w = ops.relu(w)
        return w / ops.sum(w, axis=0, keepdims=True)


def sequential(*parts, loss="mse", rate=0.01):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def without_a_row(x):
    x = x.copy()
    x[3] = 0
    return x


def raising():
    limit = keras.constraints.MaxNorm(2.0, axis=1)
    return sequential(layers.Dense(3, bias_constraint=limit), layers.Dense(1))


def by_call():
    start = keras.initializers.Constant(np.outer(np.ones(4), [-1.0, 1.0, 2.0]))
    return sequential(
        layers.Dense(3, kernel_initializer=start, kernel_constraint=SharesByCall()),
        layers.Dense(1),
    )


SPARSE = "sparse_categorical_crossentropy"
TREATED = {
    "in turn": (
        lambda: sequential(layers.Dense(3, use_bias=False), Direction(), layers.Dense(1)),
        without_a_row(X), Y, "CW401", "a floor of 1e-6 under the operand of divide",
    ),
    "uncovered": (by_call, X, Y, "CW206", "`__call__`, and the set that the constraint means"),
    "sign": (
        lambda: sequential(Binary(), layers.Dense(1)), X, Y, "CW503", "sign passes the gradient",
    ),
    "labels": (
        lambda: sequential(layers.Dense(3, activation="softmax"), loss=SPARSE),
        X, KINDS + 1, "CW605", "labels from 0 to 2 in place of 1 to 3",
    ),
    "counts": (
        lambda: sequential(layers.Dense(1), loss="poisson"),
        X, DRAWS.poisson(1.0, (16, 1)).astype("float32"), "CW502", "with a softplus",
    ),
    "no bias": (
        lambda: sequential(
            layers.Dense(4, "relu"),
            layers.Dense(
                1, use_bias=False, kernel_initializer="ones", kernel_constraint="non_neg"
            ),
        ),
        X, -np.abs(Y) - 1, "CW605", "with a bias that is free",
    ),
    "a slope": (
        lambda: sequential(layers.Dense(1, use_bias=False, kernel_constraint="max_norm")),
        np.abs(X), 20 * np.abs(X[:, :1]) + 20, "CW605", "max_value=20.0 in place of 2",
    ),
    "an axis of ours": (
        lambda: sequential(
            layers.Dense(8, "tanh"), layers.Dense(1, kernel_constraint=ci.Simplex(axis=1))
        ),
        X, Y, "CW301", "the axes of each unit, and a start inside",
    ),
    "a masked axis of ours": (
        lambda: sequential(
            layers.Dense(8, kernel_constraint=ci.Masked(ci.UnitNorm(axis=1), np.eye(4, 8) < 1)),
            layers.Dense(1),
        ),
        X, Y, "CW301", "the axes of each unit, and a start inside",
    ),
    "vector": (raising, X, Y, "CW201", "the axis of a vector"),
}  # fmt: skip


@pytest.mark.parametrize("name", TREATED)
def test_the_first_finding_is_healed(name):
    """By the change that mends its cause, and the model is as it was."""
    make, x, y, code, change = TREATED[name]
    model = make()
    before = [ops.convert_to_numpy(v).copy() for v in model.variables]
    report = ci.diagnose(model, x, y, steps=15 if code == "CW503" else 3)
    first = report.findings[0]
    assert first.code == code, str(report)
    assert first.treatment is not None, str(report)
    assert first.treatment.healed, str(report)
    assert change in first.treatment.change
    for value, variable in zip(before, model.variables, strict=True):
        assert np.array_equal(value, ops.convert_to_numpy(variable), equal_nan=True)


def test_healthy_models_are_left_alone():
    """No remedy finds anything to change where its cause is not."""
    model = sequential(layers.Dense(4, "relu"), layers.Dense(2, "softmax"), loss=SPARSE)
    problem = Problem(model, X, KINDS % 2, None, None, 0)
    report = ci.diagnose(model, X, KINDS % 2)
    for remedy in (
        data.labels_from_zero, outputs.sigmoid_of_one, softplus.softplus_at_the_end,
        outputs.other_logits, last_layers.bias_at_the_end, models.unit_for_each_class,
        models.scaled_outputs, constraints.along_an_axis_that_exists, source.with_a_gradient,
        source.along_inputs,
    ):  # fmt: skip
        assert remedy(problem, report.evidence, list(report.findings)) is None, remedy.__name__
    assert report.ok, str(report)


def test_deep_weights_that_are_too_small_get_a_scale():
    """Where the set lets no signal through, an output scale does; not where it does."""
    small = keras.constraints.MaxNorm(0.05)
    stack = [layers.Dense(8, "tanh", kernel_constraint=small) for _ in range(8)]
    model = sequential(*stack, layers.Dense(1), rate=0.001)
    ci.project(model)
    report = ci.diagnose(model, X, Y, steps=2)
    first = report.findings[0]
    assert first.code == "CW504", str(report)
    assert first.treatment.healed, str(report)
    assert "output scale" in first.treatment.change


def test_what_was_tried_for_what_is_not_saved_reads_as_a_sentence():
    """What it was is in the message; a change that brings something else says what."""
    wide = layers.Dense(3, kernel_constraint=lambda w: ops.clip(w, -0.5, 0.5))
    text = " ".join(str(ci.diagnose(sequential(wide), X, X[:, :3])).split())
    assert "and a start inside: it comes back as it is: healed" in text
    assert text.count("`") % 2 == 0


def test_a_change_that_brings_something_else_says_what():
    """The finding that it was tried for is gone, and it is no cure."""
    here, other = (Finding(code, "", "error", "", "", "w", "", "") for code in ("CW208", "CW102"))
    after = Look(Changed("another set"), Evidence(), [other])
    assert not write([here], after, [here])
    assert here.treatment.change == "another set (it is gone then, but there is CW102)"
    here.treatment = None
    assert write([here], after, [here], brings=("CW102",))
    assert here.treatment.change == "another set"


@pytest.mark.parametrize("ours", [True, False])
def test_a_start_inside_along_the_axes_that_a_set_was_given(ours):
    """They may be meant of a set of this library; of Keras' constraints they are a default."""
    a_set = ci.Simplex(axis=1) if ours else keras.constraints.UnitNorm(axis=1)
    model = sequential(layers.Dense(8, kernel_constraint=a_set), layers.Dense(1))
    kernel = model.layers[0].kernel
    wrong = Finding("CW301", "", "warning", "build", "", kernel.path, "", "")
    changed = constraints.inside_as_given(Problem(model, X, Y, None, None, 0), Evidence(), [wrong])
    assert (changed is not None) == ours
    if changed is not None:
        assert (changed.change, changed.code) == ("a start inside", "ci.prepare(model)")
        np.testing.assert_allclose(ops.convert_to_numpy(ops.sum(kernel, axis=1)), 1, rtol=1e-5)


def test_what_one_change_heals_stands_together_with_the_notes():
    """A note that is gone after a change follows from what it heals; one of a start does not."""
    grave, lost, kept, note = (
        Finding(code, "", level, "gradients", place, "", "", "")
        for code, level, place in (
            ("CW602", "error", ""), ("CW503", "info", "a"), ("CW301", "info", "b"),
            ("CW403", "warning", "c"),
        )
    )  # fmt: skip
    start = Finding("CW101", "", "info", "first forward", "d", "", "", "")
    found = [grave, lost, kept, note, start]
    milder = replace(note, level="info")
    follow(grave, found, Look(Changed("scaled"), Evidence(), [kept, milder]))
    assert [f.cause for f in found] == ["", "CW602", "", "CW602", ""]


class Mixture(layers.Layer):
    """Weights that are normalized by hand."""

    def __init__(self, start, shape, axis):
        super().__init__(name="mixture")
        self.start, self.shape_, self.axis = start, shape, axis

    def build(self, shape):
        self.shares = self.add_weight(
            shape=self.shape_,
            initializer=self.start,
            constraint=lambda w: w / ops.sum(w, axis=self.axis, keepdims=True),
        )

    def call(self, x):
        return x * ops.sum(self.shares)


@pytest.mark.parametrize(("shape", "axis"), [((3,), None), ((3, 2), 0), ((3, 2), (0, 1))])
@pytest.mark.parametrize("start", ["ones", keras.initializers.RandomNormal(seed=0)])
def test_the_set_that_a_quotient_by_sums_means(start, shape, axis):
    """Shares, where no weight starts below zero; else the other set is named beside it."""
    report = ci.diagnose(sequential(Mixture(start, shape, axis)), X, X, steps=2)
    change = next(f for f in report.findings if f.code == "CW208").treatment.change
    if start == "ones":
        axes = list(range(len(shape))) if axis in (None, (0, 1)) else [axis]
        assert f"ci.Simplex(total=1.0, axis={axes})" in change
    elif axis != (0, 1):
        assert "ci.SumTo(total=1.0" in change
        assert "(ci.Simplex where none of them is to be negative)" in change


@pytest.mark.parametrize(
    ("constraint", "written"),
    [
        (lambda w: ops.clip(w, -0.5, 0.5), "ci.Box(lower=-0.5, upper=0.5)"),
        (
            lambda w: w / ops.maximum(1.0, ops.norm(w, axis=0, keepdims=True)),
            "ci.MaxNorm(radius=1.0, axis=[0])",
        ),
    ],
    ids=["clip", "norm"],
)
def test_a_clip_means_bounds_and_no_norm(constraint, written):
    """The corners that it gives for large weights are of one norm all the same."""
    start = keras.initializers.RandomNormal(seed=0)
    wide = layers.Dense(3, kernel_constraint=constraint, kernel_initializer=start)
    report = ci.diagnose(sequential(wide), X, X[:, :3], steps=2)
    change = next(f for f in report.findings if f.code == "CW208").treatment.change
    assert written in change


class TwoParts(keras.Model):
    """Its layers are attributes, and have no names of their own."""

    def __init__(self, bound):
        super().__init__()
        self.first = layers.Dense(4, kernel_constraint=bound)
        self.last = layers.Dense(1)

    def call(self, x):
        return self.last(self.first(x))


def without_names(bound):
    return sequential(layers.Dense(4), layers.Dense(4, kernel_constraint=bound), layers.Dense(1))


def in_a_recurrence(bound):
    memory = layers.SimpleRNN(4, recurrent_constraint=bound)
    return sequential(layers.Reshape((4, 1)), memory, layers.Dense(1))


def as_attributes(bound):
    keras.utils.set_random_seed(0)
    model = TwoParts(bound)
    model.compile("sgd", "mse")
    model(X)
    return model


def with_a_name(bound):
    return sequential(layers.Dense(4, kernel_constraint=bound, name="second"), layers.Dense(1))


PASTED = {
    "layers": (without_names, "model.layers[1].kernel.path: "),
    "cell": (in_a_recurrence, "model.layers[1].cell.recurrent_kernel.path: "),
    "attributes": (as_attributes, "model.layers[0].kernel.path: "),
    "name": (with_a_name, "'second/kernel': "),
}


@pytest.mark.filterwarnings("ignore:Keras can not save the constraint")
@pytest.mark.parametrize("name", PASTED)
def test_what_is_pasted_holds_for_a_model_made_once_more(name):
    """Keras gives other names to its layers, where they have none of their own."""
    make, key = PASTED[name]
    found = ci.diagnose(make(TwiceAsLong()), X, Y, steps=2).findings
    code = next(f.treatment.code for f in found if f.treatment and f.treatment.healed)
    assert code.startswith(f"ci.constrain(model, {{{key}"), code
    model = make(None)
    exec(code, {"ci": ci, "model": model})
    constrained = [v.name for v in model.variables if getattr(v, "constraint", None) is not None]
    assert len(constrained) == 1


@registered
class TwiceAsLong(keras.constraints.Constraint):
    """A floor that is put on top of what is there."""

    def __call__(self, w):
        return ops.relu(w) + 0.01

    def get_config(self):
        return {}


def test_several_weights_are_a_line_each():
    """Whatever their sets are; each is constrained by what is pasted."""
    wrong = keras.constraints.UnitNorm(axis=1)

    def make(bound):
        parts = [layers.Dense(4, kernel_constraint=bound) for _ in range(3)]
        return sequential(*parts, layers.Dense(1))

    found = ci.diagnose(make(wrong), X, Y, steps=2).findings
    code = next(f.treatment.code for f in found if f.code == "CW301")
    assert code.splitlines()[:2] == [
        "ci.constrain(model, {", "    model.layers[0].kernel.path: ci.UnitNorm(axis=[0]),",
    ]  # fmt: skip
    model = make(None)
    exec(code, {"ci": ci, "model": model})
    assert [layer.kernel.constraint is None for layer in model.layers] == [False] * 3 + [True]
