"""The helper for test suites: it passes what is inside and names what is not."""

import keras
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.testing import assert_feasible


def model(**arguments):
    return keras.Sequential([keras.Input((2,)), layers.Dense(2, **arguments)], name="small")


def test_inside():
    """A model that starts inside passes, and so does one whose weights are computed."""
    made = model(**ci.constrained(kernel=ci.UnitNorm()))
    assert_feasible(made)
    assert_feasible(made, "kernel")
    smooth = ci.reparametrize(made, {"*/kernel": ci.UnitNorm()})
    assert_feasible(smooth, constrained=["*/kernel"])


def test_a_constraint_that_was_lost():
    """A model that has none fails, and so does a weight that must have one."""
    with pytest.raises(AssertionError, match="'small': no weight of the model has a constraint"):
        assert_feasible(model())
    made = model(kernel_constraint="non_neg", kernel_initializer="ones")
    assert_feasible(made)
    with pytest.raises(AssertionError, match=r"1 weight .*\n  .*/bias: no constraint$"):
        assert_feasible(made, constrained=["kernel", "bias"])
    rows = ci.check(made, "*").rows
    assert [(row.set, row.error, row.ok) for row in rows][1:] == [("", "no constraint", False)]
    with pytest.raises(ValueError, match="pattern of `constrained` of `check` must match a weight"):
        assert_feasible(made, "gamma")


def test_the_worst_entry_is_named():
    """The weight, how far outside it is, its set, and the entry that would be moved most."""
    made = model(kernel_constraint="non_neg", name="first")
    made.layers[0].kernel.assign([[0.5, -0.25], [-2.0, 1.0]])
    with pytest.raises(AssertionError) as caught:
        assert_feasible(made)
    head, line = str(caught.value).splitlines()
    assert head == "1 weight of 'small' not inside the set of the constraint:"
    assert "first/kernel: outside by 2: every weight at least 0" in line
    assert line.endswith("; the worst entry is [1, 0] = -2, allowed 0")
    keras_model = model(kernel_constraint=keras.constraints.UnitNorm(axis=1))
    with pytest.raises(AssertionError, match=r"is fed along \(0,\) "):
        assert_feasible(keras_model)


def test_axes_that_a_set_was_told_are_meant():
    """A set of this library finds the axes of a unit by itself, unless it is told others."""
    made = model(**ci.constrained(kernel=ci.UnitNorm(axis=1)))
    assert_feasible(made)


def test_what_is_not_finite_and_what_raises():
    """NaN, and a constraint that raises, fail as well, each in its words."""

    def breaks(w):
        raise RuntimeError("no such luck")

    made = model(kernel_constraint=breaks, bias_constraint="non_neg")
    made.layers[0].bias.assign(ops.array([float("nan"), 0.0]))
    with pytest.raises(AssertionError) as caught:
        assert_feasible(made)
    assert "2 weights of 'small'" in str(caught.value)
    assert "the constraint raises RuntimeError: no such luck" in str(caught.value)
    assert "bias: not finite" in str(caught.value)


def test_what_is_not_finite_without_a_constraint():
    """It fails, too, and no constraint is blamed."""
    made = model(**ci.constrained(kernel=ci.UnitNorm()))
    made.layers[0].bias.assign(ops.array([float("nan"), 0.0]))
    with pytest.raises(AssertionError) as caught:
        assert_feasible(made)
    head, line = str(caught.value).splitlines()
    assert head == "1 weight of 'small' not finite:"
    assert "bias: not finite, and without a constraint" in line


def test_bad_argument():
    """What is no model is refused as everywhere."""
    with pytest.raises(ValueError, match="`model` of `check` must be"):
        assert_feasible("a model")
