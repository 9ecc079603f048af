"""Intersections with an exact projection: sums and orders within bounds, and polyhedra."""

import bisect
import math
from fractions import Fraction

import numpy as np
import pytest
from conftest import array, tensor
from hypothesis import given
from hypothesis import strategies as st
from kinds import hard_weights
from test_oracles import QUICK, _by_cvxpy, projected, weights

import constrainit as ci
from constrainit.sets.inequalities import as_polyhedron

LOW = np.array([-1.0, 0.0, -0.5, -np.inf, 0.25])[:, None]
HIGH = np.array([1.0, 2.0, -0.25, 3.0, np.inf])[:, None]
NORMAL = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
ONES = np.ones(5)
WEDGE = [0, 1.0, 0, 0, 0, 0], [1e-3, -1.0, 0, 0, 0, 0]


def between(w, low, high, normal, total, or_less=False):
    """The nearest column by column, in fractions: no rounding hides an entry beside one of 1e20."""
    low, high = (np.broadcast_to(end, w.shape) for end in (low, high))
    rows = zip(w.T, low.T, high.T, strict=True)
    return np.stack([_column(*row, normal, total, or_less) for row in rows], axis=1)


def _column(v, lows, highs, normal, total, or_less):
    def exact(values):
        return [x if np.isinf(x) else Fraction(x) for x in values.tolist()]

    parts = list(zip(exact(v), exact(lows), exact(highs), exact(normal), strict=True))

    def image(t):
        return [min(max(x - t * a, low), high) for x, low, high, a in parts]

    def surplus(t):
        return sum(x * a for x, a in zip(image(t), exact(normal), strict=True)) - Fraction(total)

    if or_less and surplus(0) <= 0:
        return [float(x) for x in image(0)]
    steep = [part for part in parts if part[-1]]
    kinks = {(x - end) / a for x, *ends, a in steep for end in ends if not math.isinf(end)}
    # The sum falls as `t` grows: on a line between two kinks, and beyond the last ones.
    kinks = [min(kinks) - 1, *sorted(kinks), max(kinks) + 1]
    after = bisect.bisect_left(kinks[1:-1], True, key=lambda t: surplus(t) <= 0) + 1
    one, other = kinks[after - 1], kinks[after]
    fall = surplus(one) - surplus(other)
    return [float(x) for x in image(one + surplus(one) * (other - one) / fall if fall else one)]


SUMS = {
    "capped shares": (lambda: ci.Simplex(axis=0) & ci.Box(upper=0.3), (0.0, 0.3, ONES, 1.0)),
    "shares with a floor": (
        lambda: ci.Simplex(axis=0) & ci.Box(0.1, 0.5), (0.1, 0.5, ONES, 1.0)
    ),
    "centred": (lambda: ci.MaxAbs(0.5) & ci.ZeroMean(axis=0), (-0.5, 0.5, ONES, 0.0)),
    "other bounds for each": (
        lambda: ci.Box(LOW, HIGH) & ci.SumTo(2.0, axis=0), (LOW, HIGH, ONES, 2.0)
    ),
    "an equation": (
        lambda: ci.Affine(NORMAL, 1.5, axis=0) & ci.Box(LOW, HIGH), (LOW, HIGH, NORMAL, 1.5)
    ),
    "a budget": (
        lambda: ci.NonNegative() & ci.Halfspace(abs(NORMAL), 2.0, axis=0),
        (0.0, np.inf, abs(NORMAL), 2.0, True),
    ),
    "a halfspace": (
        lambda: ci.Halfspace(NORMAL, -1.0, axis=0) & ci.Box(-2.0, 1.0),
        (-2.0, 1.0, NORMAL, -1.0, True),
    ),
    "a sum of magnitudes": (
        lambda: ci.L1Ball(2.0, axis=0) & ci.NonNegative(), (0.0, np.inf, ONES, 2.0, True)
    ),
}  # fmt: skip


def draws(rng, shape):
    """Columns of several sizes, every other one with ties."""
    w = rng.normal(size=shape) * rng.choice([0.1, 1.0, 3.0], size=shape[1])
    w[:, ::2] = np.round(2 * w[:, ::2]) / 2
    return w


@pytest.mark.parametrize("name", SUMS)
@QUICK
@given(w=weights(5, 3), scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_a_sum_within_bounds(name, w, scale):
    """As bisection finds in float64; within the bounds to the bit, and a member."""
    make, known = SUMS[name]
    w = np.float32(scale * w).astype("float64")
    found, expected = projected(make(), w), between(w, *known)
    size = max(1.0, np.abs(expected).max(), 1e-2 * np.abs(w).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * size)
    low, high = np.float32(known[0]), np.float32(known[1])
    assert (found >= low).all()
    assert (found <= high).all()
    assert float(make().violation(tensor(found))) <= 1e-6 * size


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", SUMS)
def test_a_sum_within_bounds_of_hard_weights(name, dtype, rng):
    """Offsets of 1e6, entries of 1e20, ties: to the rounding of what the set itself is of."""
    make, known = SUMS[name]
    eps = {"float32": 1.2e-7, "bfloat16": 8e-3}[dtype]
    for kind, w in hard_weights((5, 3), dtype, rng).items():
        image = make().project(tensor(w, dtype=dtype))
        found, expected = array(image).astype("float64"), between(w, *known)
        size = max(1.0, np.abs(expected).max())
        # An entry as large as the image of a unit without an upper bound may be rounded away.
        np.testing.assert_allclose(found, expected, rtol=0, atol=64 * eps * size, err_msg=kind)
        np.testing.assert_array_equal(array(make().project(image)), array(image), err_msg=kind)


def test_long_units_between_bounds(rng):
    """Units of 3000 weights, each on its own: what one becomes does not depend on the others."""
    a_set = ci.Simplex(3.0, axis=0) & ci.Box(upper=0.01)
    w = (0.01 * rng.normal(size=(3000, 4)) * [1.0, 0.1, 10.0, 1e4]).astype("float32")
    found = projected(a_set, w)
    expected = between(w.astype("float64"), 0.0, 0.01, np.ones(3000), 3.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)
    # What is at a bound is there to the bit, but for what is there by a rounding.
    for bound in (0.0, 0.01):
        assert np.mean((found == np.float32(bound)) == (expected == bound)) > 0.999
    others = projected(a_set, w * np.array([1.0, 0.0, 0.0, 0.0], "float32"))
    np.testing.assert_array_equal(others[:, 0], found[:, 0])


def test_magnitudes_of_one_sum_below_a_cap(rng):
    """Signs stay; a point inside comes back as it is."""
    a_set, w = ci.L1Ball(1.0, axis=0) & ci.MaxAbs(0.3), rng.normal(size=(6, 4))
    expected = _by_cvxpy(w, lambda cp, x: [cp.norm(x, 1, axis=0) <= 1, cp.abs(x) <= 0.3])
    found = projected(a_set, w)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    inside = (0.04 * w).astype("float32")
    np.testing.assert_array_equal(projected(a_set, inside), inside)


def test_a_total_beyond_the_bounds(rng):
    """The nearest that there is, and a violation."""
    a_set, w = ci.SumTo(3.0, axis=0) & ci.Box(-0.5, 0.5), rng.normal(size=(4, 3))
    image = a_set.project(w.astype("float32"))
    np.testing.assert_array_equal(array(image), np.full((4, 3), 0.5, "float32"))
    assert float(a_set.violation(image)) > 0.4


@pytest.mark.parametrize(
    "order", [ci.Monotone(), ci.Monotone("decreasing"), ci.Unimodal(at=2), ci.Unimodal("valley", 3)]
)
def test_an_order_within_bounds(order, rng):
    """In order and within the bounds to the bit, and nearest."""
    w = draws(rng, (6, 12))
    found = projected(order & ci.Box(-0.3, 0.6), w)
    sign, turn = order._sign, getattr(order, "at", 5)
    rise = np.arange(5) < turn

    def constraints(cp, x):
        steps = sign * (x[1:] - x[:-1])
        return [cp.multiply(steps, np.where(rise, 1.0, -1.0)[:, None]) >= 0, x >= -0.3, x <= 0.6]

    np.testing.assert_allclose(found, _by_cvxpy(w, constraints), rtol=0, atol=5e-5)
    assert (sign * np.diff(found, axis=0)[rise] >= 0).all()
    assert (sign * np.diff(found, axis=0)[~rise] <= 0).all()
    assert found.min() >= np.float32(-0.3)
    assert found.max() <= np.float32(0.6)


def _convex(x):
    return x[2:] - 2 * x[1:-1] + x[:-2] >= 0


POLYHEDRA = {
    "convex and increasing": (
        lambda: ci.Monotone() & ci.Convex(), lambda cp, x: [x[1:] >= x[:-1], _convex(x)]
    ),
    "convex within bounds": (
        lambda: ci.Convex() & ci.Box(-0.5, 1.0),
        lambda cp, x: [_convex(x), x >= -0.5, x <= 1.0],
    ),
    "gaps within bounds of each input": (
        lambda: ci.Monotone(gap=0.1) & ci.Box(np.linspace(-2, 0, 6)[:, None], 1.5),
        lambda cp, x: [x[1:] - x[:-1] >= 0.1, x >= np.linspace(-2, 0, 6)[:, None], x <= 1.5],
    ),
    "shares in order": (
        lambda: ci.Simplex(axis=0) & ci.Monotone("decreasing"),
        lambda cp, x: [x >= 0, cp.sum(x, axis=0) == 1, x[1:] <= x[:-1]],
    ),
    "a valley of mean zero": (
        lambda: ci.ZeroMean(axis=0) & ci.Unimodal("valley", at=-2),
        lambda cp, x: [cp.sum(x, axis=0) == 0, x[1:-1] <= x[:-2], x[-2:-1] <= x[-1:]],
    ),
    "a table in order both ways": (
        lambda: ci.Monotone(axis=0) & ci.Monotone(axis=1),
        lambda cp, x: [x[1:] >= x[:-1], x[:, 1:] >= x[:, :-1]],
    ),
    "a thin wedge": (
        lambda: ci.Halfspace(WEDGE[0], 0.0, 0) & ci.Halfspace(WEDGE[1], 0.0, 0),
        lambda cp, x: [x[1] <= 0, 1e-3 * x[0] - x[1] <= 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POLYHEDRA)
def test_linear_sets_are_one_polyhedron(name, rng):
    """Nearest, as an interior point solver finds; members to their tolerance."""
    make, constraints = POLYHEDRA[name]
    a_set, w = make(), draws(rng, (6, 4 if "table" in name else 12))
    found = projected(a_set, w)
    expected = _by_cvxpy(w, constraints)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5)
    assert float(a_set.violation(tensor(found))) <= 1e-5
    np.testing.assert_array_equal(array(a_set.project(tensor(found))), found)


@pytest.mark.parametrize("length", [24, 64])
def test_a_calibrator_of_many_knots(length, rng):
    """Rising, bent and within bounds: those inequalities that follow from others are left out."""
    a_set = ci.Monotone() & ci.Convex() & ci.Box(0.0, 1.0)
    made = as_polyhedron(tuple(a_set.sets), (length, 4))
    assert made is not None
    assert len(made.matrix) == length + 1
    w = np.linspace(0, 1, length)[:, None] ** 3 + 0.02 * rng.normal(size=(length, 4))
    found = projected(a_set, w)
    expected = _by_cvxpy(w, lambda cp, x: [x[1:] >= x[:-1], _convex(x), x[0] >= 0, x[-1] <= 1])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    assert float(a_set.violation(tensor(found))) == 0


@pytest.mark.parametrize("length", [24, 96])
def test_a_calibrator_of_far_weights(length, rng):
    """Long sequences that bend have faces at small angles, which float32 does not tell apart."""
    a_set = ci.Monotone() & ci.Convex() & ci.Box(0.0, 1.0)
    w = 3 * rng.normal(size=(length, 4)) + 0.5
    expected = _by_cvxpy(w, lambda cp, x: [x[1:] >= x[:-1], _convex(x), x[0] >= 0, x[-1] <= 1])
    np.testing.assert_allclose(projected(a_set, w), expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("length", [2, 3, 9, 256])
@pytest.mark.parametrize(
    ("order", "bend"),
    [
        (ci.Monotone(), ci.Convex()),
        (ci.Monotone(gap=0.1), ci.Concave()),
        (ci.Monotone("decreasing", 0.05), ci.Convex()),
        (ci.Monotone("decreasing"), ci.Concave()),
    ],
)
def test_an_order_that_bends(order, bend, length, rng):
    """A half of the nearest bent sequence of twice the length; whichever set stands first."""
    w = rng.normal(size=(length, 3))
    found = projected(order & bend, w)
    np.testing.assert_array_equal(projected(bend & order, w), found)
    np.testing.assert_array_equal(projected(order & bend, found), found)

    def constraints(cp, x):
        steps = order._sign * (x[1:] - x[:-1])
        bends = bend._sign * (x[2:] - 2 * x[1:-1] + x[:-2])
        return [steps >= order.gap, *([bends >= 0] if length > 2 else [])]

    np.testing.assert_allclose(found, _by_cvxpy(w, constraints), rtol=0, atol=2e-5)
    assert float((order & bend).violation(tensor(found))) == 0


def test_many_inequalities_go_by_turns(rng):
    """Where the matrices would be too large: to 1e-5, as before."""
    for a_set, shape in (
        (ci.Monotone() & ci.Convex() & ci.Box(0.0), (270, 3)),
        (ci.Box(-1.0, 1.0) & ci.Convex(), (20, 50000)),
        (ci.Convex() & ci.Box(np.linspace(-1, 0, 18).reshape(6, 3)), (6, 3)),
        (ci.Symmetric() & ci.ZeroMean(axis=0), (4, 4)),
    ):
        assert as_polyhedron(tuple(a_set.sets), shape) is None
    w = rng.normal(size=(4, 3))
    both = ci.MaxNorm(1.5, axis=0) & ci.SumTo(1.0, axis=1)
    expected = _by_cvxpy(w, lambda cp, x: [cp.norm(x, axis=0) <= 1.5, cp.sum(x, axis=1) == 1])
    np.testing.assert_allclose(projected(both, w), expected, atol=1e-4)
