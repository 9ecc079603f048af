"""Patterns, grids, structured and sparse matrices against least squares and brute force."""

import itertools
import json
import math

import keras
import numpy as np
import pytest
from cases_sums import Diamond
from conftest import array, as_stored, same_bits, tensor
from hypothesis import given
from hypothesis import strategies as st
from kinds import DTYPES, Bounds, ConeShell, Few, Probability, Shell
from test_oracles import QUICK, SLOW, _by_cvxpy, close, projected
from test_oracles import weights as any_weights

import constrainit as ci
from constrainit.numerics import keep_largest


def weights(*shape):
    """Weights, none of them so small that XLA takes it for zero."""
    return any_weights(*shape).map(lambda w: np.where(np.abs(w) < 1e-30, 0.0, w))


def by_least_squares(w, basis):
    """The nearest member of the span of some matrices."""
    columns = np.stack([b.ravel() for b in basis], axis=1).astype("float64")
    return (columns @ np.linalg.lstsq(columns, w.ravel(), rcond=None)[0]).reshape(w.shape)


def bases(rows, columns):
    """The spans that structured matrices are, from their definitions."""
    i, j = np.indices((rows, columns))
    single = [(i == a) & (j == b) for a in range(rows) for b in range(columns)]
    yield ci.Toeplitz(), [j - i == d for d in range(1 - rows, columns)]
    yield ci.Triangular(), [one for one in single if (one & (j <= i)).any()]
    yield ci.Triangular(lower=False), [one for one in single if (one & (j >= i)).any()]
    yield ci.Diagonal(), [one for one in single if (one & (j == i)).any()]
    yield ci.Banded(1, 2), [one for one in single if (one & (i - j <= 1) & (j - i <= 2)).any()]
    if rows == columns:
        yield ci.Circulant(), [(j - i) % rows == d for d in range(rows)]


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 6), (1, 4), (3, 1), (1, 1)])
@SLOW
@given(data=st.data())
def test_structured(shape, data):
    """Least squares over the matrices that span the set; outside a support zero to the bit."""
    w = data.draw(weights(*shape))
    for a_set, basis in bases(*shape):
        found = projected(a_set, w)
        loose = 1e-6 * np.abs(w).max()
        np.testing.assert_allclose(found, by_least_squares(w, basis), rtol=0, atol=loose)
        assert (found[~np.any(basis, axis=0)] == 0).all()


def test_tall_matrices_of_one_number_for_each_diagonal():
    """As the wide one, turned; and no square of the 60,000 inputs is ever in memory."""
    w = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    tall, wide = (array(ci.Toeplitz().project(one)) for one in (w, w.T))
    np.testing.assert_allclose(tall, wide.T, atol=1e-6)
    np.testing.assert_allclose(tall[1:, 1:], tall[:-1, :-1])
    drawn = ci.Toeplitz().initializer(0)((60_000, 2))
    assert float(ci.Toeplitz().violation(drawn)) == 0.0


@QUICK
@given(w=weights(6, 2))
def test_few(w):
    """No other support keeps more of the norm: all of them are tried."""
    for a_set, group, keep in ((ci.TopK(2), 6, 2), (ci.TopK(5), 6, 5), (ci.Sparse(2, 3), 3, 2)):
        found = projected(a_set, w)
        for unit, image in zip(w.T, found.T, strict=True):
            for part, kept in zip(unit.reshape(-1, group), image.reshape(-1, group), strict=True):
                supports = itertools.combinations(range(group), keep)
                best = max(np.linalg.norm(part[list(s)]) for s in supports)
                assert np.count_nonzero(kept) <= keep
                assert ((kept == part) | (kept == 0)).all()
                assert np.linalg.norm(kept) == pytest.approx(best, rel=1e-12)


FEW_IN = {
    "shares": (lambda: ci.Simplex(0.5), Probability(0.5)),
    "rows": (lambda: ci.ColumnStochastic(), Probability(1.0)),
    "cone": (lambda: ci.NonNegative(), Bounds(0.0)),
    "box": (lambda: ci.NonNegative() & ci.Box(upper=0.75), Bounds(0.0, 0.75)),
    "cube": (lambda: ci.MaxAbs(0.5), Bounds(-0.5, 0.5)),
    "ball": (lambda: ci.MaxNorm(0.5), Shell(0.0, 0.5)),
    "sphere": (lambda: ci.UnitNorm(), Shell(1.0, 1.0)),
    "shell": (lambda: ci.NormRange(0.5, 2.0), Shell(0.5, 2.0)),
    "sums": (lambda: ci.L1Ball(0.5), Diamond(0.5)),
    "cone and sphere": (lambda: ci.NonNegative() & ci.UnitNorm(), ConeShell(1.0, 1.0)),
}


@pytest.mark.parametrize("name", FEW_IN)
@QUICK
@given(w=weights(6, 2))
def test_few_in_another_set(name, w):
    """No support gives a nearer member, of all that there are, each projected by itself."""
    make, kind = FEW_IN[name]
    for sparse, group, keep in ((ci.TopK(2), 6, 2), (ci.Sparse(1, 3), 3, 1), (ci.TopK(9), 6, 6)):
        a_set = make() & sparse
        found = projected(a_set, w)
        assert float(a_set.violation(found.astype("float32"))) == 0.0
        for unit, image in zip(w.T, found.T, strict=True):
            assert np.count_nonzero(image.reshape(-1, group), axis=1).max() <= keep
            best = min(
                math.hypot(euclidean(kind, unit[used]), np.linalg.norm(unit[~used]))
                for used in Few(kind, keep, group)._supports(6)
            )
            loose = 1e-5 * (best + np.abs(image).max() + 1e-3 * np.abs(unit).max())
            assert np.linalg.norm(unit - image) <= best + loose


def euclidean(kind, v):
    """The distance of a vector from a kind; that of bounds is that of the furthest entry."""
    if isinstance(kind, Bounds):
        return np.linalg.norm(v - np.clip(v, kind.low, kind.high))
    return kind.distance(v, "float32")


def test_ties_go_to_the_first():
    """Of equal magnitudes the first are kept, on every backend, whatever their sign."""
    w = tensor([2.0, -1.0, 1.0, -1.0, 0.0, 1.0])
    np.testing.assert_array_equal(array(ci.TopK(3).project(w)), [2, -1, 1, 0, 0, 0])
    np.testing.assert_array_equal(array(ci.Sparse(1, 3).project(w)), [2, 0, 0, -1, 0, 0])
    np.testing.assert_array_equal(array(keep_largest(tensor([1.0, 1.0]), 3)), [1, 1])


def test_groups_follow_the_inputs_of_a_convolution():
    """In a kernel of a convolution groups run along the input channels, at each position."""
    w = np.random.default_rng(0).normal(size=(3, 1, 4, 5))
    found = array(ci.Sparse(1, 2, axis=[0, 1, 2]).project(tensor(w)))
    pairs = found.reshape(3, 1, 2, 2, 5)
    assert (np.count_nonzero(pairs, axis=3) == 1).all()
    largest = np.abs(as_stored(w, "float32")).reshape(pairs.shape).max(axis=3)
    np.testing.assert_array_equal(np.abs(pairs).max(axis=3), largest)


GRIDS = [
    (ci.Grid(1), np.arange(-200, 201)),
    (ci.Grid(1, -1, 1), np.array([-1, 0, 1])),
    (ci.Grid(2, -1, 1), np.array([-1, 1])),
    (ci.Grid(0.25, upper=1), np.arange(-800, 5) / 4),
    (ci.Grid(2, lower=-3), np.arange(-3, 400, 2)),
    (ci.Grid(1, -8, 7), np.arange(-8, 8)),
    (ci.Grid(0.75, 0.5, 3), np.array([0.5, 1.25, 2.0, 2.75])),
]


@pytest.mark.parametrize(("a_set", "points"), GRIDS, ids=lambda x: repr(x)[:24])
@SLOW
@given(w=weights(9))
def test_grid(a_set, points, w):
    """The nearest of all points, and where two are as near, always the same one."""
    w = np.clip(w, -150, 150)
    found = projected(a_set, w)
    assert np.isin(found, points).all()
    nearest = np.abs(w[:, None] - points).min(axis=1)
    np.testing.assert_allclose(np.abs(w - found), nearest, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_every_number_of_a_grid(dtype):
    """Every point stays, every number between two moves, also where the dtype gets coarse."""
    span = {"float16": 2048, "bfloat16": 256, "float32": 4096}[dtype]
    points = np.arange(-2 * span, 2 * span + 1, dtype="float64")
    a_set = ci.Grid(1)
    assert same_bits(array(a_set.project(tensor(points, dtype))), as_stored(points, dtype))
    halves = as_stored(np.arange(span // 4) + 0.5, dtype)
    moved = array(a_set.project(tensor(halves, dtype)))
    np.testing.assert_array_equal(moved, np.round(halves))
    just_below = np.nextafter(np.float32(7), np.float32(0))
    assert array(a_set.project(tensor([just_below])))[0] == 7
    assert float(a_set.violation(tensor([just_below]))) > 0


@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_grid_of_tenths(dtype):
    """0.1 is no number of any dtype: its multiples as stored are members, and no others."""
    a_set = ci.Grid(0.1, -1, 1)
    points = as_stored(np.arange(-10, 11) / 10, dtype)
    assert same_bits(array(a_set.project(tensor(points, dtype))), points)
    w = tensor(np.linspace(-1.3, 1.3, 999), dtype)
    once = array(a_set.project(w))
    assert len(np.unique(once)) == 21
    assert same_bits(array(a_set.project(tensor(once, dtype))), once)


def slope_of(function, w):
    """The value and the gradient of the sum of squares of `function`, by the backend."""
    match keras.backend.backend():
        case "torch":
            leaf = tensor(w).clone().requires_grad_()
            value = function(leaf)
            (value**2).sum().backward()
            return array(value.detach()), array(leaf.grad)
        case "jax":
            import jax

            slope = jax.jit(jax.grad(lambda x: (function(x) ** 2).sum()))(tensor(w))
            return array(function(tensor(w))), array(slope)
        case _:
            import tensorflow as tf

            leaf = tensor(w)
            with tf.GradientTape() as tape:
                tape.watch(leaf)
                value = function(leaf)
                total = tf.reduce_sum(value**2)
            return array(value), array(tape.gradient(total, leaf))


def test_straight_through():
    """The value is that of the projection to the bit, the gradient passes unless it leads away."""
    w = np.array([-2.0, -1.0, -0.3, 0.2, 0.8, 1.0, 1.5])
    for a_set, inside in (
        (ci.Grid(1, -1, 1), True),
        (ci.Grid(2, -1, 1), True),
        (ci.Grid(0.3), True),
        (ci.Grid(1, 2, 3), w >= 2),
    ):
        value, slope = slope_of(a_set.straight_through, w)
        assert same_bits(value, array(a_set.project(tensor(w))))
        np.testing.assert_allclose(slope, 2 * value * inside, rtol=1e-6)


def test_straight_through_trains():
    """A layer that computes with ternary weights learns ternary weights."""

    class Ternary(keras.layers.Dense):
        def call(self, x):
            return keras.ops.matmul(x, ci.Grid(1, -1, 1).straight_through(self.kernel))

    rng = np.random.default_rng(0)
    x, truth = rng.normal(size=(256, 6)), rng.integers(-1, 2, size=(6, 2))
    model = keras.Sequential([keras.Input((6,)), Ternary(2, use_bias=False)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, x @ truth, epochs=12, batch_size=32, verbose=0)
    kernel = ci.Grid(1, -1, 1).project(model.layers[0].kernel)
    np.testing.assert_array_equal(array(kernel), truth)


@QUICK
@given(w=weights(3, 4))
def test_sign(w):
    """The median of the weight and its bounds; a flat pattern goes by rows."""
    low, high = np.array([[0.0], [-np.inf], [-np.inf]]), np.array([[np.inf], [0.0], [np.inf]])
    expected = np.clip(w, low, high)
    for pattern in ([1, -1, 0], [[1], [-1], [0]], [[1] * 4, [-1] * 4, [0] * 4]):
        np.testing.assert_array_equal(projected(ci.Sign(pattern), w), expected)
    by_unit = projected(ci.Sign([[1, -1, 0, 0]]), w)
    np.testing.assert_array_equal(by_unit[:, 2:], w[:, 2:])
    assert by_unit[:, 0].min() >= 0
    assert by_unit[:, 1].max() <= 0


@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_fixed(dtype):
    """What is held is what the dtype stores of it, also beyond its range; the rest is untouched."""
    values = np.array([0.1, 1 / 3, 7e4, -1e-3])
    w = tensor(np.full((3, 4), 0.7), dtype)
    found = array(ci.Fixed([[1], [0], [1]], values).project(w))
    top = {"float16": 65504.0}.get(dtype, as_stored(7e4, dtype))
    expected = as_stored(values, dtype)
    expected[2] = top
    assert same_bits(found[[0, 2]], np.stack([expected] * 2))
    assert same_bits(found[1], array(w)[1])


@pytest.mark.parametrize("inner", [ci.TopK(2), ci.Sparse(1, 2), ci.Grid(1), ci.Triangular()])
@QUICK
@given(w=weights(4, 4))
def test_under_a_mask(inner, w):
    """Inside the mask what the set does where the others are zero; outside zero."""
    mask = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0]])
    found = projected(ci.Masked(inner, mask), w)
    close(found, projected(inner, w * mask), w)
    assert (found[mask == 0] == 0).all()


def test_signs_of_a_start():
    """Rows of both signs: no unit has a common gain, each the Glorot norm; one sign: sum one."""
    signs = np.where(np.arange(48) % 3, 1, -1)
    drawn = array(ci.Sign(signs).initializer(0)((48, 16)))
    assert (drawn * signs[:, None] >= 0).all()
    np.testing.assert_allclose(drawn.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=0), np.sqrt(96 / 64), rtol=1e-5)
    drawn = array(ci.Sign(-1).initializer(0)((48, 16)))
    np.testing.assert_allclose(drawn.sum(axis=0), -1, rtol=1e-5)


def test_units_without_inputs():
    """Columns beyond the rows of a lower triangle see nothing, and the plan says so."""
    plan = ci.plan(ci.Triangular(), 4, 6)
    assert any("2 units have no entry" in reason for reason in plan.reasons)
    drawn = array(ci.Triangular().initializer(0)((4, 6)))
    assert (np.abs(drawn).sum(axis=0) > 0).tolist() == [True] * 4 + [False] * 2


def test_start_of_ternary_weights():
    """As many weights as have the wanted norm, of both signs; never a unit of zeros."""
    for shape in ((256, 64), (3, 5), (1, 4)):
        drawn = array(ci.Grid(1, -1, 1).initializer(0)(shape))
        assert (np.abs(drawn).sum(axis=0) > 0).all()
    plan = ci.plan(ci.Grid(2, -1, 1), 64, activation="relu", depth=6)
    assert plan.column_norm == pytest.approx(8.0)
    assert plan.output_scale < 0.3
    fine = array(ci.Grid(2**-7, -1, 1).initializer(0)((128, 64)))
    np.testing.assert_allclose(np.square(fine).mean(), 2 / (128 + 64), rtol=0.1)
    ones = array(ci.Grid(1, 0, 3).initializer(0)((64, 64)))
    np.testing.assert_array_equal(ones.sum(axis=0), 1)


def some_bounds(shape):
    """Bounds of every kind for a weight of this shape, as arrays with infinities."""
    ends = st.lists(
        st.tuples(st.floats(-3, 3, width=16), st.floats(0.25, 3, width=16), st.integers(0, 3)),
        min_size=int(np.prod(shape)), max_size=int(np.prod(shape)),
    )  # fmt: skip

    def arrays(ends):
        low = [e[0] if e[2] in (1, 3) else -np.inf for e in ends]
        high = [e[0] + e[1] if e[2] in (2, 3) else np.inf for e in ends]
        return np.reshape(low, shape), np.reshape(high, shape)

    return ends.map(arrays).filter(lambda pair: np.isfinite(pair).any())


@QUICK
@given(w=weights(3, 4), pair=st.one_of([some_bounds(s) for s in [(3, 4), (4,), (3, 1), (1, 4)]]))
def test_bounds_of_entries(w, pair):
    """As NumPy clips, to the bit; with a second set of bounds, between both."""
    low, high = (np.float32(end).astype("float64") for end in pair)
    a_set = ci.Box(low, high)
    np.testing.assert_array_equal(projected(a_set, w), np.clip(np.float32(w), low, high))
    other = ci.Box(np.maximum(low, -5.0), None) & a_set
    np.testing.assert_array_equal(
        projected(other, w), np.clip(np.float32(w), np.fmax(low, -5), high)
    )


def test_bounds_of_entries_with_another_set(rng):
    """Dykstra's algorithm ends exactly within them, and at what an interior point solver finds."""
    low, high = rng.uniform(-1, 0, (5, 3)), rng.uniform(0.3, 1, (5, 3))
    a_set, w = ci.SumTo(0.5) & ci.Box(low, high), rng.normal(size=(5, 3))
    found = projected(a_set, w)
    expected = _by_cvxpy(w, lambda cp, x: [x >= low, x <= high, cp.sum(x, axis=0) == 0.5])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (found >= low.astype("float32")).all()
    assert (found <= high.astype("float32")).all()
    assert a_set.transform is None


def test_bounds_that_are_arrays_of_one_number():
    """Draw as the number does; which entries are open is kept in strict JSON."""
    w = array(ci.Box(np.full((6, 1), 0.1), np.ones(4)).initializer(0)((6, 4)))
    np.testing.assert_array_equal(w, array(ci.Box(0.1, 1.0).initializer(0)((6, 4))))
    a_set = ci.Box(np.array([-np.inf, 0.0]), np.float32(2))
    assert json.loads(json.dumps(a_set.get_config(), allow_nan=False)) == {
        "lower": [None, 0.0], "upper": 2.0,
    }  # fmt: skip
    assert a_set == ci.Box([None, 0], 2)
    assert hash(a_set) == hash(ci.Box([None, 0], 2))
    assert a_set != ci.Box([0, None], 2)
    assert not a_set.scale_free
    assert ci.Box([0, None], [None, 0]).scale_free


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_bounds_of_entries_in_a_model(policy, tmp_path, rng):
    """They hold after compiled steps, and in the model that was saved and loaded."""
    low, high = rng.uniform(-0.5, -0.1, (4, 3)), np.array([0.25, np.inf, 1.0])
    a_set = ci.Box(low, high)
    layer = keras.layers.Dense(3, **ci.constrained(kernel=a_set, bias=ci.Box([-1, None, 0])),
                               dtype=policy)  # fmt: skip
    smooth = ci.Reparametrized(keras.layers.Dense(3, dtype=policy), kernel=a_set)
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(4), smooth])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.3
    x = rng.normal(size=(12, 4)).astype("float32")
    model.fit(x, 3 * x[:, :3], batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for one in (model, again):
        for kernel in (one.layers[0].kernel, one.layers[2].layer.kernel):
            assert (array(kernel) >= low.astype("float32")).all()
            assert (array(kernel) <= high).all()
    assert same_bits(array(again.layers[0].kernel), array(layer.kernel))
    assert again.layers[0].kernel_constraint == a_set
    assert (array(layer.bias) >= [-1, -np.inf, 0]).all()
