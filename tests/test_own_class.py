"""Set classes of the user's own: what is wrong with one is said in a sentence."""

import re

import keras
import numpy as np
import pytest
from keras import ops

import constrainit as ci
from constrainit.doctor._set_code import written


class Summed(ci.ConstraintSet):
    """The shape is lost."""

    convex = True

    def _nearest(self, w, dtype, where=None):
        return ops.sum(w, axis=0)


class Returnless(ci.ConstraintSet):
    """Nothing comes back."""

    def _nearest(self, w, dtype, where=None):
        ops.maximum(w, 0.0)


class Axisless(ci.ConstraintSet):
    """Reads what it has not got."""

    def _nearest(self, w, dtype, where=None):
        return w - ops.mean(w, axis=self.axis, keepdims=True)


class Misread(ci.ConstraintSet):
    """Reads another name than it has."""

    def __init__(self, bound=1.0):
        self.bound = bound

    def _nearest(self, w, dtype, where=None):
        return ops.minimum(w, self.bounds)


class AtMost(ci.ConstraintSet):
    """As it should be, of NumPy's numbers and of arguments that are keywords."""

    maskable = False

    def __init__(self, *, bound=0.5):
        self.bound = bound

    def _nearest(self, w, dtype, where=None):
        return ops.minimum(w, np.full(w.shape, self.bound, "float32"))


WRONG = [
    (Summed(), "`_nearest` of `Summed` must keep the shape of the weight. Received: it turned "
     "(6, 3) into (3,)."),
    (Returnless(), "`_nearest` of `Returnless` must return the constrained weight. Received: it "
     "returned None. Does it lack a `return`?"),
    (Axisless(), "`_nearest` of `Axisless` reads `self.axis`, which the set does not have. Make it "
     "an argument of the constructor and store it: `def __init__(self, axis=None): "
     "self.axis = axis`."),
    (Misread(), "`_nearest` of `Misread` reads `self.bounds`, which the set does not have. Write "
     "self.bound, which it has."),
]  # fmt: skip


def _model(constraint=None):
    dense = keras.layers.Dense(3, name="a", kernel_constraint=constraint)
    model = keras.Sequential([keras.Input((6,)), dense])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(("wrong", "words"), WRONG)
@pytest.mark.parametrize("inside", [lambda s: s, lambda s: s & ci.MaxNorm(2.0), ci.Braked])
def test_wrong_class_is_told_everywhere(wrong, words, inside):
    """By each function that calls it, also inside of another set, and by the first step."""
    wrong, x = inside(wrong), np.ones((4, 6), "float32")
    calls = [
        lambda: wrong.project(np.ones((6, 3), "float32")),
        lambda: ci.constrain(_model(), {"a/kernel": wrong}),
        lambda: ci.prepare(_model(wrong)),
        lambda: keras.Sequential(
            [keras.Input((6,)), keras.layers.Dense(3, **ci.constrained(kernel=wrong))]
        ),
        lambda: _model(wrong).fit(x, np.ones((4, 3)), verbose=0),
    ]
    for call in calls:
        with pytest.raises((ValueError, AttributeError), match=re.escape(words.rstrip(".?"))):
            call()


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_check_tells_of_a_wrong_class(wrong, words):
    """As of a function, in the row of the weight."""
    (row,) = ci.check(_model(wrong)).rows
    assert words in row.error


@pytest.mark.in_turns(every=4)
@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        (Summed(), "return a tensor of the shape that came in"),
        (Returnless(), "return the weight at the end"),
        (Axisless(), "give the set what it reads"),
    ],
)
def test_doctor_says_what_to_do(wrong, fix):
    """And not that a Variable should be a tensor, which it is."""
    (found,) = [one for one in ci.diagnose(_model(wrong)).findings if one.code == "CW201"]
    assert found.fix.startswith(fix)


def test_projection_that_takes_too_little():
    """Its signature is looked at as the class is defined."""
    with pytest.raises(TypeError, match=r"`_nearest` of `Short` must take .*Received: \(self, w\)"):

        class Short(ci.ConstraintSet):
            def _nearest(self, w):
                return w


def test_argument_that_is_kept_under_another_name():
    """It is named as the set is made, and not when it is saved."""

    class Renamed(ci.ConstraintSet):
        def __init__(self, bound):
            self.b = bound

        def _nearest(self, w, dtype, where=None):
            return ops.minimum(w, self.b)

    with pytest.raises(
        AttributeError, match=r"argument `bound` under its own.*Write self.bound = b"
    ):
        Renamed(1.0)


def test_class_as_it_should_be():
    """What a set makes with NumPy is a tensor; an argument that is a keyword is one of its own."""
    a_set = AtMost(bound=0.25)
    assert a_set.get_config() == {"bound": 0.25}
    assert a_set != AtMost(bound=1.0)
    model = _model(a_set)
    ci.constrain(model, {"a/kernel": a_set & ci.MaxNorm(2.0)})
    ci.prepare(model)
    model.fit(np.ones((4, 6), "float32"), np.ones((4, 3)), verbose=0)
    assert ci.check(model).ok


class Length(ci.ConstraintSet):
    """Each unit of one norm: right, and given a wrong axis below."""

    convex = False

    def __init__(self, norm=1.0, axis=None):
        self.norm = norm
        self.axis = axis

    def _nearest(self, w, dtype, where=None):
        norm = ops.sqrt(ops.sum(w * w, axis=self.axis, keepdims=True))
        return self.norm * w / ops.maximum(norm, 1e-7)


class Halved(ci.ConstraintSet):
    """No projection: it moves its own result."""

    def _nearest(self, w, dtype, where=None):
        return w * 0.5


def _wide(constraint):
    dense = keras.layers.Dense(8, name="a", kernel_constraint=constraint)
    model = keras.Sequential([keras.Input((6,)), dense, keras.layers.Dense(1, name="b")])
    model.compile("adam", "mse")
    return model


@pytest.mark.in_turns(every=8)
@pytest.mark.parametrize("inside", [lambda s: s, ci.Braked])
def test_own_class_is_pasted_by_its_own_name(inside):
    """Of a class that this library does not export it knows no alias."""
    model = _wide(inside(Length(0.3, axis=1)))
    (found,) = [one for one in ci.diagnose(model).findings if one.code == "CW301"]
    code = found.treatment.code if found.treatment else ""
    assert "ci.Length" not in code
    assert "Length(norm=0.3, axis=[0])" in code
    exec(code, {"ci": ci, "Length": Length, "model": model})
    assert ci.check(model).ok


@pytest.mark.in_turns(every=8)
def test_set_that_is_no_projection_is_not_its_own_remedy():
    """Nor does it leave zeros outside, which are its only members."""
    report = ci.diagnose(_wide(Halved()))
    assert "CW205" in {one.code for one in report.findings}
    assert "the constraint means" not in str(report)
    assert "zero vector" not in str(report)


def test_names_of_sets_in_code():
    """An own class within a list, or derived from one of ours, goes by its own name."""

    class Prices(ci.NonNegative):
        pass

    parts = ci.Product([ci.NonNegative(), Length(axis=-1)], [2, 2])
    assert written(parts).startswith(
        "ci.Product(sets=[ci.NonNegative(), Length(norm=1.0, axis=-1)]"
    )
    assert written(Prices() & ci.MaxNorm(2.0)) == "Prices() & ci.MaxNorm(radius=2.0)"
