"""Projections against independent solvers, on weights that hypothesis looks for."""

import math
import warnings

import numpy as np
import pytest
import scipy.optimize
from conftest import arithmetic, array, same_bits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

import constrainit as ci
from constrainit._precision import inward, nearest
from constrainit.numerics import axis_sum, plain_norm

QUICK = settings(max_examples=40, deadline=None, derandomize=True, database=None)
SLOW = settings(QUICK, max_examples=6, suppress_health_check=[HealthCheck.too_slow])

SIZES = (1e-3, 1.0, 1e4)
MASKS = (np.array([1, 0, 0, 1, 1, 0]) > 0, np.array([0, 1, 0, 1, 0, 1]) > 0)


def weights(*shape):
    """Weights of several sizes with ties, zeros and outliers among them; none is subnormal.

    Those TensorFlow and XLA take for zero wherever they compute.
    """
    entry = st.one_of(
        st.floats(-4, 4, width=32),
        st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-3, 30.0, -30.0]),
    )
    values = hnp.arrays("float64", shape, elements=entry)
    scaled = st.builds(lambda w, size: w * size, values, st.sampled_from(SIZES))
    stored = scaled.map(lambda w: w.astype("float32").astype("float64"))
    return stored.map(lambda w: np.where(abs(w) < np.finfo("float32").tiny, 0.0, w))


def projected(a_set, w):
    return array(a_set.project(w.astype("float32")))


def close(found, expected, w, share=1e-5):
    """Agreement to the rounding of float32, relative to the result."""
    scale = max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(7,), (24, 1), (1021, 3), (1024, 5), (3, 3, 512, 4), (65_536, 8)]
)
def test_sum_of_an_axis(shape, dtype):
    """The sum of every unit to a few roundings, however many entries it has."""
    w = abs(np.random.default_rng(0).normal(size=shape)).astype(dtype)
    axis = tuple(range(max(len(shape) - 1, 1)))
    with arithmetic(dtype):
        found = array(axis_sum(ops.convert_to_tensor(w), axis))
    expected = w.astype("longdouble").sum(axis, keepdims=True)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=6 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(24, 1), (1021, 300), (3, 3, 257, 70), (2, 200_000)])
def test_norm_of_a_unit(shape, dtype):
    """The norm of every unit to a few roundings, also where it is added up block by block."""
    w = np.random.default_rng(0).normal(size=shape).astype(dtype)
    axis = tuple(range(len(shape) - 1))
    with arithmetic(dtype):
        found = array(plain_norm(ops.convert_to_tensor(w), axis))
    expected = np.sqrt((w.astype("longdouble") ** 2).sum(axis, keepdims=True))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=6 * np.finfo(dtype).eps)


def test_sum_of_a_unit_beside_others():
    """What is infinite or NaN in one unit stays in that unit."""
    w = np.ones((64, 3), "float32")
    w[1, 0], w[2, 2] = np.inf, np.nan
    found = array(axis_sum(ops.convert_to_tensor(w), (0,)))
    np.testing.assert_array_equal(found, [[np.inf, 64.0, np.nan]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    ("lower", "upper"), [(-0.05, 0.05), (-0.3, 0.1), (0.1, 0.7), (0.1, 1 - 1e-12)]
)
def test_decimal_bounds(lower, upper, dtype):
    """To the number next to the bound from outside, unmoved from inside: to the bit, zeros too.

    A bound that the dtype rounds outward goes there too, and violates nothing.
    """
    with arithmetic(dtype):
        low, high = (nearest(bound, dtype) for bound in (lower, upper))
        drawn = [np.random.default_rng(0).normal(size=500) * size for size in (0.01, 0.3, 1e4)]
        ends = [low, high, 0.0, -0.0, -np.inf, np.inf, np.nan]
        w = ops.convert_to_tensor(np.concatenate([*drawn, ends]), dtype=dtype)
        found, w = array(ci.Box(lower, upper).project(w)), array(w)
        rounded = ops.convert_to_tensor([low, high], dtype=dtype)
        box = ci.Box(lower, upper)
        for a_set in (box, ci.Masked(box, [True, True]), ci.Blocks(box, 2), ci.Every(box, 2)):
            assert float(a_set.violation(rounded)) == 0.0
        assert float((box & ci.Box(upper=upper)).violation(rounded)) == 0.0
    below, above = inward(lower, dtype, +1), inward(upper, dtype, -1)
    assert lower <= below
    assert above <= upper
    assert same_bits(found, np.where(w < below, below, np.where(w > above, above, w)))


@pytest.mark.parametrize("total", [0.1, 1.0, 50.0])
@QUICK
@given(w=weights(7))
def test_simplex(total, w):
    """The threshold is the root of `sum(max(w - t, 0)) = total`, found by bisection in float64."""

    def excess(t):
        return np.maximum(w - t, 0.0).sum() - total

    root = scipy.optimize.brentq(excess, w.min() - total, w.max(), xtol=1e-14, rtol=1e-15)
    close(projected(ci.Simplex(total), w), np.maximum(w - root, 0.0), w)


@pytest.mark.parametrize("total", [0.0, -3.0])
@QUICK
@given(w=weights(6, 2))
def test_sum_to(total, w):
    """The least squares step onto the hyperplane, by the pseudo-inverse of its normal."""
    normal = np.ones((1, 6))
    expected = w - np.linalg.pinv(normal) @ (normal @ w - total)
    scale = np.abs(expected).max() + 1e-7 * np.abs(w).max()
    np.testing.assert_allclose(projected(ci.SumTo(total), w), expected, rtol=0, atol=1e-5 * scale)


@QUICK
@given(w=weights(5, 3))
def test_max_norm(w):
    """Each column is cut to the radius, its direction kept."""
    expected = np.stack([v * min(1.0, 2.0 / max(math.hypot(*v), 1e-300)) for v in w.T], axis=1)
    close(projected(ci.MaxNorm(2.0, axis=0), w), expected, w)


@QUICK
@given(w=weights(5))
def test_norm_range(w):
    """The nearest norm in the range, by minimising over the norm along the direction."""
    norm = math.hypot(*w)
    direction = w / norm if norm else np.full(5, 5**-0.5)
    best = scipy.optimize.minimize_scalar(
        lambda size: (size - norm) ** 2, bounds=(0.5, 2.0), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    size = norm if 0.5 <= norm <= 2.0 else best.x
    close(projected(ci.NormRange(0.5, 2.0), w), size * direction, w)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@QUICK
@given(data=st.data())
def test_orthogonal(shape, data):
    """Orthonormal, and as near as NumPy's singular values say that it can be at best."""
    w = data.draw(weights(*shape))
    q = projected(ci.Orthogonal(), w)
    tall = q if shape[0] >= shape[1] else q.T
    np.testing.assert_allclose(tall.T @ tall, np.eye(min(shape)), atol=5e-6)
    best = np.linalg.svd(w, compute_uv=False).sum()
    # The nearest orthonormal matrix is the one with the largest inner product.
    assert np.sum(q * w) >= best - 1e-5 * max(best, 1e-30)


@QUICK
@given(w=weights(4, 4))
def test_symmetric(w):
    """The symmetric part, by least squares over the entries on and above the diagonal."""
    basis = [np.outer(a, b) + np.outer(b, a) for a, b in _pairs(np.eye(4))]
    columns = np.stack([b.ravel() for b in basis], axis=1)
    expected = columns @ np.linalg.lstsq(columns, w.ravel(), rcond=None)[0]
    close(projected(ci.Symmetric(), w).ravel(), expected, w)


def _pairs(rows):
    return [(rows[i], rows[j]) for i in range(4) for j in range(i, 4)]


@QUICK
@given(w=weights(6), low=st.sampled_from([-2.0, -0.1, 0.3]), width=st.sampled_from([0.1, 1.0, 9.0]))
def test_box(w, low, width):
    """The median of the bounds and the weight."""
    expected = np.median([np.full(6, low), w, np.full(6, low + width)], axis=0)
    np.testing.assert_allclose(projected(ci.Box(low, low + width), w), expected, rtol=2e-7)


@QUICK
@given(w=weights(6), mask=st.sampled_from(MASKS))
def test_masked(w, mask):
    """Inside the mask what the set does to the entries of the mask alone; outside zero."""
    for a_set in (
        ci.Simplex(2.0),
        ci.SumTo(1.0),
        ci.MaxNorm(1.5),
        ci.UnitNorm(),
        ci.Box(-0.5, 1.0),
    ):
        found = projected(ci.Masked(a_set, mask.tolist()), w)
        alone = projected(a_set, w[mask])
        assert (found[~mask] == 0).all()
        np.testing.assert_allclose(
            found[mask], alone, rtol=1e-5, atol=1e-6 * max(1, abs(alone).max())
        )


@QUICK
@given(w=weights(5))
def test_non_negative_sphere(w):
    """On the non-negative part of the sphere the largest inner product wins, by trying supports."""
    found = projected(ci.NonNegative() & ci.UnitNorm(), w)
    assert abs(np.linalg.norm(found) - 1) < 5e-6
    assert found.min() >= 0
    supports = [[i for i in range(5) if bits >> i & 1] for bits in range(1, 32)]
    best = max(_best_on(w, support) for support in supports)
    assert found @ w >= best - 2e-5 * max(np.linalg.norm(w), 1e-30)


def _best_on(w, support):
    part = w[support]
    norm = np.linalg.norm(part)
    return norm if norm and (part >= 0).all() else part.max()


def _by_cvxpy(w, constraints):
    import cvxpy

    x = cvxpy.Variable(w.shape)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(x - w)), constraints(cvxpy, x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return x.value


CONVEX = {
    "birkhoff": (
        lambda: ci.Simplex(axis=0) & ci.Simplex(axis=1), (4, 4),
        lambda cp, x: [x >= 0, cp.sum(x, axis=0) == 1, cp.sum(x, axis=1) == 1],
    ),
    "capped simplex": (
        lambda: ci.Simplex() & ci.Box(0.0, 0.5), (5,),
        lambda cp, x: [x >= 0, x <= 0.5, cp.sum(x) == 1],
    ),
    "centred box": (
        lambda: ci.SumTo(0.0) & ci.Box(-0.2, 1.0), (5,),
        lambda cp, x: [x >= -0.2, x <= 1.0, cp.sum(x) == 0],
    ),
    "ball of columns with rows of sum one": (
        lambda: ci.MaxNorm(1.5, axis=0) & ci.SumTo(1.0, axis=1), (4, 3),
        lambda cp, x: [cp.norm(x, axis=0) <= 1.5, cp.sum(x, axis=1) == 1],
    ),
    "symmetric box": (
        lambda: ci.Symmetric() & ci.Box(-0.5, 2.0), (3, 3),
        lambda cp, x: [x == x.T, x >= -0.5, x <= 2.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVEX)
@SLOW
@given(data=st.data())
def test_intersection(name, data):
    """Dykstra's algorithm ends where an interior point solver does, to the documented accuracy."""
    make, shape, constraints = CONVEX[name]
    entry = st.floats(-3, 3, width=32)
    w = data.draw(hnp.arrays("float64", shape, elements=entry))
    expected = _by_cvxpy(w, constraints)
    loose = 5e-5 * (1 + np.abs(w).max())
    np.testing.assert_allclose(projected(make(), w), expected, rtol=0, atol=loose)
