"""Whatever Keras takes for a constraint becomes a set."""

import keras
import numpy as np
import pytest
from conftest import array
from kinds import clipped

import constrainit as ci

K = keras.constraints


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("non_neg", ci.NonNegative()),
        ("NonNeg", ci.NonNegative()),
        ("max_norm", ci.MaxNorm(2.0, axis=0)),
        ("unit_norm", ci.UnitNorm(axis=0)),
        ("min_max_norm", ci.NormRange(0.0, 1.0, axis=0)),
        (K.NonNeg(), ci.NonNegative()),
        (K.MaxNorm(3, axis=1), ci.MaxNorm(3.0, axis=1)),
        (K.MaxNorm(3, axis=[0, 1]), ci.MaxNorm(3.0, axis=[0, 1])),
        (K.UnitNorm(axis=(0, 1, 2)), ci.UnitNorm(axis=[0, 1, 2])),
        (K.MinMaxNorm(0.5, 2.0, axis=-1), ci.NormRange(0.5, 2.0, axis=-1)),
    ],
    ids=["nonneg", "NonNeg", "max", "unit", "min_max", *"abcde"],
)
def test_built_in(given, expected):
    """A constraint of Keras, or its name, is its exact counterpart, same axis, and says so."""
    a_set = ci.as_set(given)
    assert type(a_set) is type(expected)
    assert a_set.get_config() == expected.get_config()
    built_in = type(K.get(given)).__name__
    origin = f" (exact counterpart of keras.constraints.{built_in})"
    assert a_set.describe() == expected.describe() + origin


@pytest.mark.parametrize(
    "given", ["max_norm", K.UnitNorm(axis=1), K.MinMaxNorm(0.5, 1.0), K.NonNeg()]
)
def test_counterpart_agrees_with_keras(given, rng):
    """Away from the corners where Keras is inexact, both give the same weights."""
    w = rng.normal(size=(6, 4)).astype("float32") * 3
    theirs = array(K.get(given)(keras.ops.convert_to_tensor(w)))
    np.testing.assert_allclose(array(ci.as_set(given).project(w)), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1])
def test_slow_rate(rate, rng):
    """`MinMaxNorm` with a rate goes part of the way to its range, as `Relaxed` does."""
    theirs = K.MinMaxNorm(0.5, 1.0, rate=rate, axis=0)
    a_set = ci.as_set(theirs)
    inner = ci.NormRange(0.5, 1.0, axis=0)
    assert a_set == (inner if rate == 1 else ci.Relaxed(inner, rate))
    assert "exact counterpart of keras.constraints.MinMaxNorm" in a_set.describe()
    w = (rng.normal(size=(6, 5)) * [0.02, 0.2, 0.3, 1.0, 30.0]).astype("float32")
    moved = array(theirs(keras.ops.convert_to_tensor(w)))
    np.testing.assert_allclose(array(a_set(w)), moved, rtol=1e-5, atol=1e-6)
    norms = np.linalg.norm(array(a_set.project(w)), axis=0)
    assert np.all((norms > 0.5 - 1e-5) & (norms < 1 + 1e-5))


@pytest.mark.parametrize("rate", [0, 1.5])
def test_rate_that_is_none(rate):
    """Of a `MinMaxNorm` that never arrives, or overshoots, only the moves are known."""
    assert isinstance(ci.as_set(K.MinMaxNorm(0.5, 1.0, rate=rate)), ci.Custom)


def test_slow_rate_in_a_model(tmp_path):
    """It is drawn, projected, seen through a map and saved by the range that it draws near."""
    kernel = K.MinMaxNorm(0.5, 1.0, rate=0.1)
    wide = keras.initializers.Constant(2.0)
    dense = keras.layers.Dense(3, kernel_initializer=wide, kernel_constraint=kernel)
    model = keras.Sequential([keras.Input((4,)), dense])
    inner = ci.NormRange(0.5, 1.0, axis=0)
    assert ci.check(model).rows[0].violation == pytest.approx(3.0, abs=1e-3)
    smooth = None
    with pytest.warns(UserWarning, match="The nearest member takes its place"):
        smooth = ci.reparametrize(model)
    assert float(inner.violation(smooth.layers[-1].layer.kernel)) == 0
    again = ci.constrain(model, {"*/kernel": kernel})
    assert list(again.values()) == [ci.Relaxed(inner, 0.1)]
    ci.project(model)
    np.testing.assert_allclose(np.linalg.norm(model.get_weights()[0], axis=0), 1, rtol=1e-5)
    dense.kernel.assign(keras.ops.full((4, 3), 2.0))
    assert [one.how for one in ci.prepare(model, seed=0)] == ["drawn"]
    assert float(inner.violation(dense.kernel)) == 0
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.layers[-1].kernel.constraint == ci.Relaxed(inner, 0.1)
    assert ci.check(loaded).ok


def test_subclass_is_not_taken_for_its_base():
    """A subclass of a constraint of Keras may do anything: it is the user's own."""

    class Negated(K.NonNeg):
        def __call__(self, w):
            return -super().__call__(w)

    a_set = ci.as_set(Negated())
    assert isinstance(a_set, ci.Custom)
    assert array(a_set.project([1.0, 2.0])).tolist() == [-1.0, -2.0]
    assert a_set.describe() == "the fixed points of Negated"


def test_set_is_returned_as_it_is():
    """A set is not wrapped again."""
    a_set = ci.UnitNorm()
    assert ci.as_set(a_set) is a_set


def test_callable():
    """Any function becomes the set of the weights that it leaves alone."""
    a_set = ci.as_set(clipped)
    assert isinstance(a_set, ci.Custom)
    assert a_set.describe() == "the fixed points of clipped"
    assert array(a_set.project([-3.0, 1.0, 5.0])).tolist() == [-0.5, 1.0, 2.0]
    assert float(a_set.violation([0.0, 1.0])) == 0.0
    assert float(a_set.violation([-3.5, 1.0])) == 3.0


def test_callable_sees_a_tensor(rng):
    """A user's function gets a tensor of the arithmetic's dtype, no Variable and no half floats."""
    seen = []

    def watch(w):
        seen.append((isinstance(w, keras.Variable), keras.backend.standardize_dtype(w.dtype)))
        return w

    ci.Custom(watch).project(keras.Variable(rng.normal(size=3), dtype="float16"))
    assert seen == [(False, "float32")]


def test_sets_hold_what_as_set_takes():
    """Combinators take names, constraints of Keras and functions for sets."""
    assert isinstance(ci.Blocks("unit_norm", 2).set, ci.UnitNorm)
    assert isinstance(ci.Masked(K.MaxNorm(1.0), [1]).set, ci.MaxNorm)
    both = ci.NonNegative() & "max_norm"
    assert isinstance(both.sets[1], ci.MaxNorm)
    assert isinstance(ci.Intersection(["non_neg", K.UnitNorm()]), ci.Intersection)


@pytest.mark.parametrize("keras_own", ["max_norm", K.MaxNorm(2.0)], ids=["name", "object"])
def test_constraints_of_keras_on_either_side(keras_own):
    """`&` takes them before a set, too; what is none is told as behind it."""
    before, after = keras_own & ci.NonNegative(), ci.NonNegative() & keras_own
    assert before.sets == after.sets[::-1] == [ci.MaxNorm(2.0, axis=0), ci.NonNegative()]
    w = np.float32([[3.0, -1.0], [4.0, 1.0]])
    np.testing.assert_array_equal(array(before.project(w)), array(after.project(w)))
    with pytest.raises(
        ValueError, match=r"`sets` of `Intersection` must be a set.*Received: sets=3"
    ):
        _ = 3 & ci.NonNegative()
    with pytest.raises(ValueError, match=r"inside of one `Joint`.*Write Joint\(a & b\)"):
        _ = keras_own & ci.Joint(ci.NonNegative())


def test_intersections_are_flat():
    """`a & b & c` is one intersection of three."""
    three = ci.NonNegative() & ci.MaxNorm(1.0) & ci.SumTo(0.5)
    assert [type(one).__name__ for one in three.sets] == ["NonNegative", "MaxNorm", "SumTo"]


def test_equal_arguments_make_equal_sets():
    """Sets are equal by value, so that what was compiled for one serves the other."""
    assert ci.Box(0, 1) == ci.Box(0.0, 1.0)
    assert hash(ci.Box(0, 1)) == hash(ci.Box(0.0, 1.0))
    assert ci.Box(0, 1) != ci.Box(0, 2)
    assert ci.UnitNorm() != ci.UnitNorm(axis=0)
    assert ci.UnitNorm() != "unit_norm"


@pytest.mark.parametrize("kind", ["factor", "centre", "short", "signs"])
def test_rounding_of_ones_own_constraint_is_no_violation(kind):
    """A factorization gives other last digits for what it gave; what is moved truly counts."""

    def own(w):
        if kind == "factor":
            q, r = keras.ops.qr(w)
            return q * keras.ops.sign(keras.ops.diagonal(r))
        if kind == "centre":
            return w - keras.ops.mean(w, axis=0)
        return w * 0.9999 if kind == "short" else keras.ops.maximum(w, 0.0)

    a_set, rng = ci.Custom(own), np.random.default_rng(0)
    for _ in range(8):
        image = a_set.project(rng.normal(size=(8, 8)).astype("float32"))
        assert (float(a_set.violation(image)) > 0) == (kind == "short")
    almost = np.array([[-1e-9, 1.0], [2.0, 3.0]], "float32")
    if kind == "signs":
        assert float(a_set.violation(almost)) > 0
