"""Projections onto norms, sums and orders against independent solvers."""

import functools
import itertools
import math

import keras
import numpy as np
import pytest
import scipy.optimize
from cases_orders import Hill
from cases_sums import Faces
from conftest import arithmetic, array, compiled, tensor
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from kinds import hard_weights
from test_oracles import QUICK, SLOW, _by_cvxpy, close, projected, weights

import constrainit as ci
from constrainit.initializers.laws import Wanted
from constrainit.numerics import (
    _polyhedron,
    inner_point,
    project_birkhoff,
    project_polyhedron,
    project_transport,
)
from constrainit.sets.inequalities import as_polyhedron


@pytest.mark.parametrize("radius", [0.1, 2.0])
@QUICK
@given(w=weights(7))
def test_l1_ball(radius, w):
    """Outside, the threshold on the magnitudes is the root found by bisection in float64."""
    expected = w
    if np.abs(w).sum() > radius:
        root = scipy.optimize.brentq(
            lambda t: np.maximum(np.abs(w) - t, 0).sum() - radius, 0, np.abs(w).max(), xtol=1e-14
        )
        expected = np.sign(w) * np.maximum(np.abs(w) - root, 0)
    close(projected(ci.L1Ball(radius), w), expected, w)


def random_polyhedron(rng, count, entries, kind):
    """Inequalities that some point obeys: of a bounded body, a cone, with twins, or nearly so."""
    matrix = rng.normal(size=(count, entries))
    if kind == "integers":
        matrix = np.round(2 * matrix) + np.eye(count, entries) * (abs(matrix) < 0.25)
        matrix[~matrix.any(axis=1), 0] = 1.0
    if kind == "twins":
        matrix[count // 2 :] = matrix[: count - count // 2] * rng.uniform(0.5, 2, size=1)
    if kind == "nearly twins":
        matrix[count // 2 :] = matrix[: count - count // 2] + 1e-2 * matrix[count // 2 :]
    room = rng.exponential(size=count) * rng.integers(2, size=count)
    bounds = matrix @ rng.normal(size=entries) + room if kind != "cone" else np.zeros(count)
    return matrix, bounds


@pytest.mark.in_turns(every=5)
@pytest.mark.parametrize("kind", ["any", "cone", "integers", "twins", "nearly twins"])
@SLOW
@given(data=st.data())
def test_polyhedron(kind, data):
    """Two solvers end at the same point, whatever the inequalities; it is inside to rounding."""
    count, entries = data.draw(st.integers(1, 14)), data.draw(st.integers(1, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    matrix, bounds = random_polyhedron(rng, count, entries, kind)
    a_set = ci.Polyhedron(matrix, bounds)
    w = data.draw(weights(entries, 2))
    found = projected(a_set, w)
    size = np.linalg.norm(matrix, axis=1)
    faces = Faces(matrix / size[:, None], bounds / size)
    expected = np.stack([faces.nearest(v) for v in w.T], axis=1)
    peak = max(np.abs(w).max(), np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(found / peak, expected / peak, rtol=0, atol=1e-4)
    out = np.max(faces.matrix @ found - faces.bounds[:, None])
    assert out <= 4e-6 * np.abs(found).max() + 1e-12 * peak
    assert float(a_set.violation(found.astype("float32"))) == 0.0
    solved = _by_cvxpy(w[:, 0] / peak, lambda cp, x: [faces.matrix @ x <= faces.bounds / peak])
    np.testing.assert_allclose(expected[:, 0] / peak, solved, atol=1e-4)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e6])
def test_polyhedron_from_far_away(size, rng):
    """The result has its digits, in units of the body, where the weight is a million times it."""
    matrix, bounds = random_polyhedron(rng, 12, 4, "any")
    bounds = bounds + 0.1
    size_of = np.linalg.norm(matrix, axis=1)
    faces = Faces(matrix / size_of[:, None], bounds / size_of)
    w = (size * rng.normal(size=(4, 50))).astype("float32").astype("float64")
    found = projected(ci.Polyhedron(matrix, bounds), w)
    expected = np.stack([faces.nearest(v) for v in w.T], axis=1)
    apart = np.linalg.norm(found - expected, axis=0) / np.linalg.norm(expected, axis=0)
    assert np.median(apart) <= 2e-6
    assert np.max(np.linalg.norm(found - expected, axis=0)) <= 1e-6 * max(size, 1) * 10


def test_polyhedron_of_other_sets(rng):
    """Inequalities of an order, of signs, of one sum and of bounds give what those sets give."""
    w, even = rng.normal(size=(5, 3)), np.eye(5)
    for matrix, bounds, other in (
        (even[:-1] - even[1:], 0.0, ci.Monotone()),
        (-even, 0.0, ci.NonNegative()),
        (np.ones((1, 5)), -1.0, ci.Halfspace(None, -1.0)),
        (np.vstack([even, -even]), 0.3, ci.MaxAbs(0.3)),
        (np.vstack([-even, np.ones(5), -np.ones(5)]), [0] * 5 + [1, -1], ci.Simplex()),
    ):
        found = projected(ci.Polyhedron(matrix, bounds), w)
        np.testing.assert_allclose(found, projected(other, w), atol=2e-6)


def test_polyhedron_as_an_intersection_of_halfspaces(rng):
    """Dykstra's algorithm on the inequalities one by one comes to the same point, to its 1e-5."""
    matrix, bounds = random_polyhedron(rng, 5, 4, "any")
    pairs = zip(matrix.tolist(), bounds.tolist(), strict=True)
    one_by_one = ci.Intersection([ci.Halfspace(row, bound) for row, bound in pairs])
    w = 3 * rng.normal(size=(4, 6))
    found = projected(ci.Polyhedron(matrix, bounds), w)
    np.testing.assert_allclose(found, projected(one_by_one, w), atol=1e-4 * np.abs(w).max())


def test_polyhedron_with_many_inequalities(rng):
    """An order of 40 weights, seen as 39 inequalities, and 39 bounds of their differences."""
    steps = np.eye(40)[1:] - np.eye(40)[:-1]
    matrix, bounds = np.vstack([-steps, steps]), np.repeat([0.0, 0.2], 39)
    w = rng.normal(size=(40, 4)) + np.linspace(0, 3, 40)[:, None]
    faces = Faces(matrix / 2**0.5, bounds / 2**0.5)
    expected = np.stack([faces.nearest(v) for v in w.T], axis=1)
    np.testing.assert_allclose(projected(ci.Polyhedron(matrix, bounds), w), expected, atol=2e-5)


def test_polyhedron_of_several_axes(rng):
    """Columns of the matrix are in the order of the axes of the weight, however they are listed."""
    w, matrix = 5 * rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 8))
    for axis in ([0, 2], [2, 0], [-1, 0]):
        image = projected(ci.Polyhedron(matrix, [1, 2, 3], axis=axis), w)
        found = np.einsum("eik,ijk->je", matrix.reshape(3, 2, 4), image)
        assert (found <= np.array([1, 2, 3]) + 1e-5).all()
        assert (abs(found - np.array([1, 2, 3])) < 1e-5).any()


def test_dominance_in_a_model(tmp_path, rng):
    """As in TF Lattice: a feature that weighs at least as much as another one, both positive.

    It holds after compiled steps, sharp and smooth, and in the model that was loaded.
    """
    first_dominates = ci.Polyhedron([[-1, 1, 0], [0, -1, 0]])
    sharp = keras.layers.Dense(4, **ci.constrained(kernel=first_dominates))
    smooth = ci.Reparametrized(keras.layers.Dense(1), kernel=ci.Polyhedron([[-1, 1, 0, 0]]))
    model = keras.Sequential([keras.Input((3,)), sharp, smooth])
    model.compile("adam", "mse")
    x = rng.normal(size=(32, 3)).astype("float32")
    before = array(sharp.kernel)
    model.fit(x, x @ np.array([[-1.0], [2.0], [0.5]], "float32"), batch_size=4, verbose=0)
    assert not np.array_equal(before, array(sharp.kernel))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert again.layers[0].kernel.constraint == first_dominates.resolve((0,))
    for one in (model, again):
        w = array(one.layers[0].kernel)
        assert (w[0] >= w[1] - 1e-6).all()
        assert (w[1] >= -1e-6).all()
        seen = one.layers[1].layer.kernel
        assert float(ci.Polyhedron([[-1, 1, 0, 0]]).violation(seen)) == 0.0


def test_a_polyhedron_far_from_zero_starts_with_units_of_their_own():
    """Draws are around a point inside, not all on the corner that is nearest to zero."""
    away = ci.Polyhedron(-np.eye(6), -3.0)
    for a_set in (away, ci.Polyhedron([[-1, 1] + [0] * 4, [0, -1] + [0] * 4])):
        w = array(a_set.initializer(0)((6, 50)))
        assert float(a_set.violation(w.astype("float32"))) == 0.0
        assert (w.std(axis=1) > 0.05).all()
        spread = np.linalg.norm(w - w.mean(axis=1, keepdims=True), axis=0)
        assert 0.4 < np.mean(spread) / math.sqrt(2 * 6 / 56) < 1.3


@pytest.mark.parametrize(
    ("rows", "bounds", "ends", "sides"),
    [
        ([[1.0, 0], [-1, 0], [0, 1], [0, -1]], 1.0, 4, 0),
        ([[-1.0, 1], [0, -1]], 0.0, 0, 2),
        ([[1.0, 0], [-1, 0], [0, -1]], [1, 0, 0], 2, 1),
        ([[1.0, 1], [-1, -1]], 1.0, 2, 0),
    ],
)
def test_the_map_of_a_polyhedron_reaches_all_of_its_interior(rows, bounds, ends, sides, rng):
    """A box, a cone, half a strip and a strip: what is bounded, and what can be left behind."""
    a_set = ci.Polyhedron(rows, bounds, axis=0)
    frame = a_set.transform._frame((2, 50), "float64")
    assert (len(frame.ends), len(frame.sides)) == (ends, sides)
    w = rng.normal(size=(2, 200)) * 3
    inside = (np.asarray(rows) @ w < np.reshape(bounds, (-1, 1)) - 1e-3).all(axis=0)
    w = w[:, inside][:, :9]
    assert w.size
    with arithmetic("float64"):
        v = a_set.transform.right_inverse(ops.convert_to_tensor(w, dtype="float64"))
        back = array(a_set.transform.forward(v))
    np.testing.assert_allclose(back, w, atol=1e-9)


def test_a_polyhedron_without_interior_has_no_map():
    """Two inequalities that make an equation: the reason is said, the projection is there."""
    flat = ci.Polyhedron([[1, 1], [-1, -1], [1, 0]], [1, -1, 0.75])
    assert flat.transform is None
    assert "no interior" in flat.no_map
    np.testing.assert_allclose(projected(flat, np.array([3.0, 0.0])), [0.75, 0.25], atol=1e-6)
    with pytest.raises(ValueError, match="no interior"):
        ci.Reparametrized(keras.layers.Dense(2), kernel=flat).build((None, 2))


@SLOW
@given(data=st.data())
def test_an_empty_polyhedron_is_seen(data):
    """As a solver of linear programs says, of polyhedra that are not empty by a hair."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    for _ in range(20):
        count, entries = rng.integers(1, 12), rng.integers(1, 6)
        matrix = rng.normal(size=(count, entries))
        bounds = rng.normal(size=count) - rng.integers(2)
        inside = np.vstack([np.hstack([matrix, -np.ones((count, 1))])])
        least = scipy.optimize.linprog(
            np.eye(entries + 1)[-1], inside, bounds, bounds=[(None, None)] * entries + [(-1, None)]
        )
        if abs(least.fun) < 1e-3:
            continue
        if least.fun < 0:
            assert ci.Polyhedron(matrix, bounds).transform is not None
        else:
            with pytest.raises(ValueError, match="contradict"):
                ci.Polyhedron(matrix, bounds)


@pytest.mark.parametrize("seed", [54, 63])
def test_polyhedron_of_slabs_that_leave_a_point(seed):
    """More equations than weights, true but for rounding: no row spoils the inverse of others."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(15, 8))
    matrix = np.vstack([matrix, -matrix])
    point = rng.normal(size=8) * rng.integers(2)
    room = rng.exponential(size=30) * rng.integers(0, 2, size=30) * 10.0 ** rng.integers(-3, 2)
    a_set = ci.Polyhedron(matrix, matrix @ point + room)
    w = rng.normal(size=(8, 30)) * 10.0 ** rng.integers(-4, 7, size=30)
    found = projected(a_set, w)
    size = np.linalg.norm(matrix, axis=1)
    faces = Faces(matrix / size[:, None], (matrix @ point + room) / size)
    expected = np.stack([faces.nearest(v) for v in w.astype("float32").T], axis=1)
    apart = np.linalg.norm(found - expected, axis=0)
    assert (apart <= 1e-5 * (1 + np.linalg.norm(w, axis=0))).all()


def test_many_polyhedra_are_inside_after_the_last_round(rng, monkeypatch):
    """What is not found in the rounds that there are is drawn inside all the same."""
    matrix, bounds = random_polyhedron(rng, 12, 4, "any")
    bounds = bounds + 0.1
    size = np.linalg.norm(matrix, axis=1)
    matrix, bounds = matrix / size[:, None], bounds / size
    w = ops.convert_to_tensor(5 * rng.normal(size=(40, 4)), dtype="float32")
    monkeypatch.setattr(_polyhedron, "_ROUNDS", 0)
    inner = inner_point(matrix, bounds, 1.0)
    cut = array(project_polyhedron(w, matrix, bounds, inner))
    assert (cut @ matrix.T <= bounds + 1e-5).all()


@pytest.mark.parametrize("bend", [ci.Convex, ci.Concave])
def test_the_first_guess_at_active_faces_is_right_near_the_set(bend, rng, monkeypatch):
    """For weights that a step took out of a calibrator, and mostly for any: no face is searched."""
    a_set = as_polyhedron((ci.Monotone(axis=0), bend(axis=0), ci.Box(0.0, 1.0)), (12, 40))
    inside = projected(a_set, rng.normal(size=(12, 40)))
    w = inside + 1e-3 * rng.choice([-1, 1], inside.shape)
    expected = projected(a_set, w)
    monkeypatch.setattr(_polyhedron, "_ROUNDS", 0)
    with arithmetic("float64"):
        guessed = array(project_polyhedron(tensor(w.T, "float64"), *a_set._exact)).T
    apart = abs(guessed - expected).max(axis=0)
    assert (apart < 1e-6).mean() >= 0.9


@SLOW
@given(w=weights(4, 3), radius=st.sampled_from([0.1, 2.0]), axis=st.sampled_from([0, 1]))
def test_group_l1_ball(w, radius, axis):
    """A conic solver ends at the same point, and so do the norms alone, by bisection in float64."""
    found = projected(ci.GroupL1Ball(radius, axis=axis), w)
    norms = np.linalg.norm(w, axis=axis, keepdims=True)
    expected = w
    if norms.sum() > radius:
        expected = w * (on_simplex(norms.ravel(), radius).reshape(norms.shape) / (norms + 1e-300))
    peak = max(np.abs(w).max(), 1e-30)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max() + 1e-6 * peak)

    def inside(cp, x):
        return [cp.mixed_norm(x if axis else x.T, 2, 1) <= radius / peak]

    solved = _by_cvxpy(w / peak, inside)
    np.testing.assert_allclose(found / peak, solved, atol=1e-4)


@pytest.mark.parametrize("axis", [None, 1, [0, 1]])
def test_groups_that_are_other_balls(axis, rng):
    """One group is the ball of a norm; groups of one weight are that of magnitudes."""
    w = rng.normal(size=(4, 3))
    whole = projected(ci.GroupL1Ball(1.5, axis=[0, 1]), w)
    np.testing.assert_allclose(whole, projected(ci.MaxNorm(1.5, axis=[0, 1]), w), atol=4e-6)
    flat = w.reshape(12, 1) if axis == 1 else w.reshape(1, 12)
    alone = projected(ci.GroupL1Ball(1.5, axis=axis), flat if axis != [0, 1] else w)
    expected = whole if axis == [0, 1] else projected(ci.L1Ball(1.5, axis=[0, 1]), flat)
    np.testing.assert_allclose(alone, expected, atol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-6, 1e6, 1e30])
def test_group_norms_of_any_size(size, rng):
    """Squares that float32 could not hold: the direction of each group is that of the weight."""
    w = rng.normal(size=(5, 4)).astype("float32").astype("float64")
    found = projected(ci.GroupL1Ball(2.0 * size), size * w) / size
    norms = np.linalg.norm(w, axis=0)
    np.testing.assert_allclose(found, w / norms * on_simplex(norms, 2.0), atol=2e-6)


def test_group_l1_ball_switches_off_whole_units_and_inputs(rng):
    """In a layer the axis is found: groups are units; with -1 they are inputs."""
    for axis, other in ((None, 0), (-1, 1)):
        layer = keras.layers.Dense(6, **ci.constrained(kernel=ci.GroupL1Ball(1.0, axis=axis)))
        layer.build((None, 8))
        assert (np.linalg.norm(array(layer.kernel), axis=other) > 0).all()
        sizes = np.arange(1, 7) if axis is None else np.arange(1, 9)[:, None]
        image = array(layer.kernel_constraint(rng.normal(size=(8, 6)).astype("float32") * sizes**2))
        norms = np.linalg.norm(image, axis=other)
        assert 0 < (norms > 0).sum() < norms.size
        np.testing.assert_allclose(norms.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize("radius", [0.1, 2.0])
@QUICK
@given(w=weights(5))
def test_l1_sphere(radius, w):
    """No face of the sphere, one for each choice of signs, has a point that is nearer."""
    found = projected(ci.L1Sphere(radius), w)
    scale = max(radius, np.abs(w).max())
    assert abs(np.abs(found).sum() - radius) <= 1e-5 * radius
    best = min(
        np.linalg.norm(w - signs * on_simplex(signs * w, radius))
        for signs in map(np.array, itertools.product((-1.0, 1.0), repeat=5))
    )
    assert np.linalg.norm(w - found) <= best + 1e-5 * scale


def on_simplex(w, total):
    """The nearest non-negative vector of a given sum, by bisection in float64."""
    low, high = w.min() - total, w.max()
    root = scipy.optimize.brentq(
        lambda t: np.maximum(w - t, 0).sum() - total, low, high, xtol=1e-14
    )
    return np.maximum(w - root, 0)


@pytest.mark.parametrize("bound", [0.0, -3.0, 2.0])
@QUICK
@given(w=weights(5, 2))
def test_halfspace(bound, w):
    """The step along the normal, as in the textbook, in float64."""
    normal = np.array([1.0, -2.0, 0.0, 0.5, 4.0])
    excess = np.maximum(normal @ w - bound, 0.0)
    expected = w - np.outer(normal, excess) / (normal @ normal)
    found = projected(ci.Halfspace(normal.tolist(), bound), w)
    scale = np.abs(expected).max() + 1e-6 * np.abs(w).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


def test_halfspace_of_several_axes():
    """The normal is in the order of the axes of the weight, however they are listed."""
    w = np.arange(24.0).reshape(2, 3, 4)
    normal = np.arange(8.0)
    for axis in ([0, 2], [2, 0], [-1, 0]):
        image = projected(ci.Halfspace(normal.tolist(), 1.0, axis=axis), w)
        np.testing.assert_allclose(
            np.einsum("ijk,ik->j", image, normal.reshape(2, 4)), 1, atol=2e-5
        )


@SLOW
@given(data=st.data())
def test_affine(data):
    """A solver of least squares with equations ends at the same point, whatever the rank."""
    count, entries = data.draw(st.integers(1, 4)), data.draw(st.integers(3, 7))
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    rank = rng.integers(1, min(count, entries - 1) + 1)
    matrix = rng.normal(size=(count, rank)) @ rng.normal(size=(rank, entries))
    matrix *= 10.0 ** rng.integers(-3, 4, size=(count, 1))
    values = matrix @ rng.normal(size=entries) * rng.integers(2)
    w = data.draw(weights(entries, 2))
    found = projected(ci.Affine(matrix, values), w)
    inverse = np.linalg.pinv(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))
    values = values / np.linalg.norm(matrix, axis=1)
    matrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    expected = w - inverse @ (matrix @ w - values[:, None])
    peak = max(np.abs(w).max(), np.abs(expected).max(), 1e-30)
    loose = 2e-5 * (np.abs(expected).max() + 1e-2 * peak)
    np.testing.assert_allclose(found, expected, rtol=0, atol=loose)
    solved = _by_cvxpy(w[:, 0] / peak, lambda cp, x: [matrix @ x == values / peak])
    np.testing.assert_allclose(expected[:, 0] / peak, solved, atol=1e-4)


def test_affine_of_one_equation_is_a_hyperplane(rng):
    """As jaxopt's `projection_hyperplane`: along the normal; of ones as `SumTo`."""
    w, normal = rng.normal(size=(5, 3)), rng.normal(size=5)
    expected = w - np.outer(normal, normal @ w - 2.0) / (normal @ normal)
    np.testing.assert_allclose(projected(ci.Affine(normal, 2.0), w), expected, atol=1e-6)
    same = projected(ci.SumTo(1.0), w)
    np.testing.assert_allclose(projected(ci.Affine([1] * 5, 1.0), w), same, atol=1e-6)
    drawn = array(ci.Affine(normal, 2.0).initializer(0)((5, 3)))
    np.testing.assert_allclose(normal @ drawn, 2.0, atol=1e-5)


def test_affine_of_several_axes(rng):
    """Columns of the matrix are in the order of the axes of the weight, however they are listed."""
    w, matrix = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 8))
    for axis in ([0, 2], [2, 0], [-1, 0]):
        image = projected(ci.Affine(matrix, [1, 2, 3], axis=axis), w)
        found = np.einsum("eik,ijk->je", matrix.reshape(3, 2, 4), image)
        np.testing.assert_allclose(found, [[1, 2, 3]] * 3, atol=1e-5)


def test_affine_in_a_model(tmp_path, rng):
    """It holds after compiled steps, sharp and smooth, and in the model that was loaded."""
    a_set = ci.Affine([[1, -1, 0, 0], [1, 1, 1, 1]], [0.5, 1.0])
    dense = keras.layers.Dense(3, **ci.constrained(kernel=a_set))
    smooth = ci.Reparametrized(keras.layers.Dense(3), kernel=a_set)
    model = keras.Sequential([keras.Input((4,)), dense, keras.layers.Dense(4), smooth])
    model.compile("adam", "mse")
    x = rng.normal(size=(12, 4)).astype("float32")
    before = array(dense.kernel)
    model.fit(x, x[:, :3], batch_size=4, verbose=0)
    assert not np.array_equal(before, array(dense.kernel))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert again.layers[0].kernel.constraint == a_set.resolve((0,))
    assert hash(again.layers[0].kernel.constraint) == hash(a_set.resolve((0,)))
    for kernel in [one.layers[0].kernel for one in (model, again)] + [smooth.layer.kernel]:
        w = array(kernel)
        np.testing.assert_allclose(w[0] - w[1], 0.5, atol=1e-6)
        np.testing.assert_allclose(w.sum(axis=0), 1.0, atol=1e-6)


@pytest.mark.parametrize("direction", ["increasing", "decreasing"])
@QUICK
@given(w=weights(7, 2), gap=st.sampled_from([0.0, 0.5]))
def test_monotone(direction, w, gap):
    """Pool adjacent violators of SciPy, on the weights less their gaps."""
    steps = gap * np.arange(7)[:, None] * (1 if direction == "increasing" else -1)
    expected = np.stack(
        [
            scipy.optimize.isotonic_regression(v, increasing=direction == "increasing").x
            for v in (w - steps).T
        ],
        axis=1,
    )
    found = projected(ci.Monotone(direction, gap), w)
    scale = np.abs(expected + steps).max() + 0.1 * np.abs(w).max()
    np.testing.assert_allclose(found, expected + steps, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("length", [1, 2, 3, 33, 300])
def test_isotonic_of_long_columns(length, rng):
    """Walks, noise, falling and rising columns of any length; exactly non-decreasing."""
    noise = rng.normal(size=(length, 4))
    rising = np.sort(noise[:, 2])
    w = np.stack([noise[:, 0].cumsum(), noise[:, 1], rising, -rising], axis=1).astype("float32")
    found = projected(ci.Monotone(), w)
    for one, v in zip(found.T, w.T.astype("float64"), strict=True):
        expected = scipy.optimize.isotonic_regression(v).x
        np.testing.assert_allclose(one, expected, rtol=0, atol=2e-6 * np.abs(v).max())
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found[:, 2] == w[:, 2]).all()


@QUICK
@given(w=weights(7, 2), at=st.integers(-7, 6), direction=st.sampled_from(["peak", "valley"]))
def test_peak_at_a_place(w, at, direction):
    """The least squares of a solver, under the order on both sides of the place."""
    sign = 1.0 if direction == "peak" else -1.0
    found = projected(ci.Unimodal(direction, at), w)
    scale, place = np.abs(w).max() or 1.0, at % 7

    def order(cp, x):
        steps = sign * cp.diff(x, axis=0)
        return [steps[i] >= 0 if i < place else steps[i] <= 0 for i in range(6)]

    expected = scale * _by_cvxpy(w / scale, order)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("direction", ["peak", "valley"])
@QUICK
@given(w=weights(8, 3))
def test_peak_anywhere(direction, w):
    """As near as the best of all pairs of isotonic regressions, one for each cut."""
    sign = 1.0 if direction == "peak" else -1.0
    found = projected(ci.Unimodal(direction), w)
    for image, unit in zip(sign * found.T, sign * w.T, strict=True):
        least = np.linalg.norm(unit - Hill().nearest(unit))
        loose = 2e-6 * np.linalg.norm(unit)
        assert np.linalg.norm(unit - image) <= least + loose
        place = np.argmax(image)
        assert (np.diff(image[: place + 1]) >= 0).all()
        assert (np.diff(image[place:]) <= 0).all()


@pytest.mark.parametrize("length", [1, 2, 3, 40, 300])
def test_peaks_of_long_columns(length, rng):
    """Walks, noise and hills with noise, beside a common level too; what has a peak stays."""
    hill = -np.abs(np.linspace(-1, 1, length) - 0.3)
    noise = rng.normal(size=(length, 4))
    w = np.stack([noise[:, 0].cumsum(), noise[:, 1], hill + 0.3 * noise[:, 2], hill], axis=1)
    w = np.concatenate([w, 1e3 + w], axis=1).astype("float32").astype("float64")
    found = projected(ci.Unimodal(), w)
    np.testing.assert_array_equal(found[:, 3], w[:, 3])
    given_place = projected(ci.Unimodal(at=length // 3), w)
    kinds = (found, Hill()), (given_place, Hill(length // 3))
    for images, kind in kinds:
        for image, unit in zip(images.T, w.T, strict=True):
            spread = np.linalg.norm(unit - unit.mean()) + 1e-3 * np.abs(unit).max()
            assert np.linalg.norm(unit - image) <= kind.distance(unit, "") + 1e-5 * spread


def test_start_of_peaks():
    """A peak that is not given is anywhere; one that is given is there."""
    drawn = array(ci.Unimodal().initializer(0)((16, 400)))
    assert set(np.argmax(drawn, axis=0)) == set(range(16))
    drawn = array(ci.Unimodal("valley", -3, axis=1).initializer(0)((400, 16)))
    assert (np.argmin(drawn, axis=1) == 13).all()
    overlaps = [ci.Unimodal(at=at)._law_of((64, 64), (0,), Wanted()).overlap for at in (None, 40)]
    for at, expected in zip((None, 40), overlaps, strict=True):
        drawn = array(ci.Unimodal(at=at).initializer(1)((64, 4000)))
        alike = np.square(drawn.mean(axis=1)).sum() / np.square(drawn).sum(axis=0).mean()
        assert expected == pytest.approx(alike, abs=0.05)


@SLOW
@given(data=st.data())
def test_convex(data):
    """An interior point solver ends at the same convex, and concave, sequence."""
    length = data.draw(st.integers(1, 8))
    w = data.draw(weights(length))
    for a_set, sign in ((ci.Convex(), 1.0), (ci.Concave(), -1.0)):
        bends_up(sign * projected(a_set, w), sign * w)


@pytest.mark.parametrize("length", [64, 200])
def test_convex_of_long_columns(length, rng):
    """A walk, noise, and nearly convex weights; side by side as alone."""
    noise = rng.normal(size=(length, 4))
    bowl = np.linspace(-1, 1, length) ** 2
    w = np.stack([noise[:, 0].cumsum(), noise[:, 1], bowl + 0.1 * noise[:, 2], 1e6 - bowl], axis=1)
    w = w.astype("float32").astype("float64")
    found = projected(ci.Convex(), w)
    bends_up(found[:, 0], w[:, 0])
    for one, v in zip(found.T, w.T, strict=True):
        is_best(one, v)
    np.testing.assert_array_equal(projected(ci.Convex(), bowl), bowl.astype("float32"))


def bends_up(found, w):
    """Agreement with an interior point solver, on weights of size one."""
    peak = max(np.abs(w).max(), 1e-30)
    expected = w / peak
    if w.size > 2:
        expected = _by_cvxpy(w / peak, lambda cp, x: [cp.diff(x, k=2) >= 0])
    np.testing.assert_allclose(found / peak, expected, rtol=0, atol=2e-5)
    is_best(found, w)


def is_best(found, w):
    """Second differences, and what must hold of the dual: the gap is that of a bowl's bends."""
    peak = max(np.abs(w).max(), 1e-30)
    if w.size > 2:
        assert np.diff(found, n=2).min() >= -2e-6 * peak
        # The gap to the weights has no part along the result, nor a positive one along a bend.
        place = np.arange(w.size)
        bends = np.maximum(place - place[1:-1, None], 0.0)
        bends = np.stack([place**0, place, -place, *bends])
        bends = bends / np.linalg.norm(bends, axis=1, keepdims=True)
        loose = 2e-6 * np.linalg.norm(w)
        assert (bends @ (w - found)).max() <= loose
        assert abs((w - found) @ found) <= loose * np.linalg.norm(w)


@SLOW
@given(w=weights(4, 4))
def test_doubly_stochastic(w):
    """An interior point solver ends where Newton does."""
    w = w / max(np.abs(w).max() / 3, 1)
    found = projected(ci.DoublyStochastic(), w)
    expected = _by_cvxpy(w, lambda cp, x: [x >= 0, cp.sum(x, axis=0) == 1, cp.sum(x, axis=1) == 1])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


@pytest.mark.in_turns(every=5)
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (1, 4), (4, 1), (7, 7)])
def test_transport(shape, size, rng):
    """An interior point solver ends where Newton does, with sums of any size, and unequal ones."""
    for spread in (0.0, 0.5, 3.0):
        rows, columns = (np.exp(spread * rng.uniform(-1, 1, n)) for n in shape)
        columns = columns * (rows.sum() / columns.sum())
        for far in (0.1, 1.0, 10.0):
            w = far * rng.normal(size=shape)
            image = projected(ci.Transport(size * rows, size * columns), size * w) / size
            expected = _by_cvxpy(w, functools.partial(_plan, rows, columns))
            np.testing.assert_allclose(image, expected, rtol=0, atol=2e-5 * rows.max())
            np.testing.assert_allclose(image.sum(1), rows, rtol=1e-5)
            np.testing.assert_allclose(image.sum(0), columns, rtol=1e-5)


@pytest.mark.parametrize("huge", [1e3, 1e12, 1e30])
def test_a_huge_entry_hides_no_other(huge, rng):
    """One weight that has run away gets all that its row and column allow, the others their own."""
    for rows, columns in ((3, 5), (5, 3), (4, 4)):
        taken = rng.uniform(0.5, 2.0, columns)
        sent = rng.uniform(0.5, 2.0, rows)
        sent *= taken.sum() / sent.sum()
        w = rng.normal(size=(rows, columns))
        at = rng.integers(rows), rng.integers(columns)
        w[at] = 30.0
        expected = _by_cvxpy(w, functools.partial(_plan, sent, taken))
        w[at] = huge
        image = projected(ci.Transport(sent, taken), w)
        np.testing.assert_allclose(image, expected, rtol=0, atol=5e-5)


def _plan(rows, columns, cp, x):
    return [x >= 0, cp.sum(x, axis=1) == rows, cp.sum(x, axis=0) == columns]


def test_transport_of_ones_is_doubly_stochastic(rng):
    """To the bit, and with smooth maps that agree."""
    w, ones = rng.normal(size=(9, 9)).astype("float32"), [1.0] * 9
    plan, square = ci.Transport(ones, ones), ci.DoublyStochastic()
    np.testing.assert_array_equal(projected(plan, w), projected(square, w))
    found, expected = (array(one.transform.forward(w)) for one in (plan, square))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_far_weights_are_assigned(size):
    """Of weights that are far apart the best permutation is found, by trying all."""
    for seed in range(4):
        w = size * np.random.default_rng(seed).normal(size=(5, 5)) * 30
        w = w.astype("float32").astype("float64")
        best = max(w[range(5), list(order)].sum() for order in itertools.permutations(range(5)))
        image = projected(ci.DoublyStochastic(), w)
        assert np.sum(w * image) >= best - 5 - 1e-5 * np.abs(w).max()


def test_birkhoff_of_larger_matrices(rng):
    """Sums to rounding, and the dual says that nothing is nearer: `W - X = u + v` where `X > 0`."""
    n = 48
    for scale in (0.1, 1.0, 20.0):
        w = (scale * rng.normal(size=(n, n))).astype("float32")
        image = projected(ci.DoublyStochastic(), w)
        assert image.min() >= 0
        for axis in (0, 1):
            np.testing.assert_allclose(image.sum(axis), 1, rtol=0, atol=1e-6)
        rows, columns = np.nonzero(image > 1e-5)
        system = np.zeros((len(rows), 2 * n))
        system[np.arange(len(rows)), rows] = 1
        system[np.arange(len(rows)), n + columns] = 1
        gap = w - image
        dual, *_ = np.linalg.lstsq(system, gap[rows, columns], rcond=None)
        lifted = dual[:n, None] + dual[None, n:]
        np.testing.assert_allclose(lifted[rows, columns], gap[rows, columns], atol=1e-5 * scale)


HARD_PLANS = {
    "one step": lambda w, rng: inside_birkhoff(rng, len(w)) + 1e-3 * rng.choice([-1, 1], w.shape),
    "one step off an inner point": lambda w, rng: 1 / len(w) + 1e-3 * rng.choice([-1, 1], w.shape),
    "small": lambda w, rng: w,
    "shift 1e4": lambda w, rng: w + 1e4,
    "scale 1e-6": lambda w, rng: w * 1e-6,
    "scale 1e6": lambda w, rng: w * 1e6,
    "ties": lambda w, rng: np.round(w * 32) / 32,
    "zeros": lambda w, rng: w * 0,
    "one huge entry": lambda w, rng: np.where(np.arange(w.size).reshape(w.shape) == 9, 1e8, w),
    "rank one": lambda w, rng: np.outer(w[0], w[1]) * 16,
    "blocks": lambda w, rng: w - 10.0 * (1 - np.kron(np.eye(4), np.ones((64, 64)))),
}  # fmt: skip


def inside_birkhoff(rng, n):
    return np.mean([np.eye(n)[rng.permutation(n)] for _ in range(64)], axis=0)


@pytest.mark.parametrize("kind", HARD_PLANS)
def test_birkhoff_settles(kind, rng, monkeypatch):
    """Sums are held to 1e-6 by the search itself, which ends soon, not by filling what lacks."""
    if kind != "scale 1e6":
        monkeypatch.setattr("constrainit.numerics._birkhoff.ROUNDS", 12)
    monkeypatch.setattr("constrainit.numerics._birkhoff._filled", lambda image, *_: image * np.nan)
    w = HARD_PLANS[kind](rng.normal(size=(256, 256)) / 16, rng)
    image = array(project_birkhoff(tensor(w)))
    assert image.min() >= 0
    for axis in (0, 1):
        np.testing.assert_allclose(image.sum(axis, dtype="float64"), 1, rtol=0, atol=1e-6)


def test_plans_of_hard_weights_settle(rng, monkeypatch):
    """Without the filling of what lacks, the search ends with its sums held.

    But for unequal sums of weights of a million: shares of one are then differences of numbers
    whose own rounding is 0.06, and what lacks is filled.
    """
    monkeypatch.setattr("constrainit.numerics._birkhoff._filled", lambda image, *_: image * np.nan)
    rows, columns = np.exp(rng.uniform(-1, 1, 6)), np.exp(rng.uniform(-1, 1, 4))
    columns *= rows.sum() / columns.sum()
    of_ones = compiled(project_birkhoff)
    of_sums = compiled(lambda w: project_transport(w, rows, columns))
    for name, w in hard_weights((6, 6), "float32", rng).items():
        square = array(of_ones(tensor(w)))
        np.testing.assert_allclose(square.sum(0), 1, atol=4e-6, err_msg=name)
        np.testing.assert_allclose(square.sum(1), 1, atol=4e-6, err_msg=name)
        if name not in ("big", "huge", "scales"):
            image = array(of_sums(tensor(w[:, :4])))
            np.testing.assert_allclose(image.sum(1), rows, rtol=1e-5, err_msg=name)
            np.testing.assert_allclose(image.sum(0), columns, rtol=1e-5, err_msg=name)


@pytest.mark.in_turns(every=5)
@pytest.mark.parametrize("kind", ["any", "cone", "integers", "twins"])
def test_polyhedra_of_hard_weights_settle(kind, rng):
    """Nothing is drawn towards an inner point: the search ends inside by itself."""
    matrix, bounds = random_polyhedron(rng, 9, 6, kind)
    a_set = ci.Polyhedron(matrix, bounds)
    assert a_set._inner is not None

    def towards(inner):
        return compiled(lambda w: project_polyhedron(w, *a_set._exact, inner))

    projections = [towards(inner) for inner in (None, a_set._inner)]
    for name, w in hard_weights((4, 6), "float32", rng).items():
        alone, drawn = (array(project(tensor(w))) for project in projections)
        np.testing.assert_array_equal(alone, drawn, err_msg=name)


def test_birkhoff_of_a_thousand_rows_ends(rng, monkeypatch):
    """The sums of a thousand rows are exact enough for the search to find its end."""
    monkeypatch.setattr("constrainit.numerics._birkhoff.ROUNDS", 25)
    monkeypatch.setattr("constrainit.numerics._birkhoff._filled", lambda image, *_: image * np.nan)
    image = projected(ci.DoublyStochastic(), rng.normal(size=(1024, 1024)) / 32)
    assert np.isfinite(image).all()
    np.testing.assert_allclose(image.sum(0, dtype="float64"), 1.0, atol=4e-6)
    np.testing.assert_allclose(image.sum(1, dtype="float64"), 1.0, atol=4e-6)


def test_birkhoff_keeps_one_huge_entry_apart(rng):
    """Beside an entry of 1e20 the other rows and columns are projected as by themselves."""
    w = rng.normal(size=(6, 6))
    alone = projected(ci.DoublyStochastic(), w[1:, 1:])
    w[0, 0] = 1e20
    image = projected(ci.DoublyStochastic(), w)
    np.testing.assert_allclose(image[1:, 1:], alone, atol=1e-6)
    assert image[0, 0] == pytest.approx(1, abs=1e-6)


def test_simplex_does_not_depend_on_other_units(rng):
    """A column is projected to the same bits beside others that take more rounds."""
    w = rng.normal(size=(200, 3)) * [1.0, 1e-3, 1e3]
    together = projected(ci.Simplex(), w)
    for i in range(3):
        alone = projected(ci.Simplex(), np.repeat(w[:, i : i + 1], 3, 1))
        assert (alone[:, 0] == together[:, i]).all()


def test_a_plan_of_the_right_sums_is_a_member():
    """Though Newton's method would move a large one by more than its own rounding."""
    plan = ci.Transport([1.0, 2.0, 3.0], [2.0, 4.0])
    w = np.outer([1.0, 2.0, 3.0], [2.0, 4.0]) / 6
    moved = w + 1e-3 * np.array([[1, -1], [-1, 1], [0, 0]])
    for one, held in ((w, True), (w * (1 + 1e-7), True), (w * 1.001, False)):
        inside = plan._holds(tensor(one), tensor(moved), "float32")
        assert array(inside).all() == held
    assert not array(plan._holds(tensor(w - np.eye(3, 2)), tensor(w), "float32")).any()


def test_small_sums_beside_large_ones_are_as_said():
    """The docstring's bounds: to the rounding of the largest, and of each where they are alike."""
    rng = np.random.default_rng(0)
    for spread, own in ((2, 2e-6), (4, 3e-4)):
        rows, columns = (10 ** (spread * (rng.random(30) - 0.5)) for _ in range(2))
        columns *= rows.sum() / columns.sum()
        largest = max(rows.max(), columns.max())
        plan = ci.Transport(rows.tolist(), columns.tolist())
        for size in (1.0, largest, 1e3 * largest):
            image = array(plan.project(tensor(size * rng.normal(size=(30, 30)))))
            for axis, sums in ((1, rows), (0, columns)):
                off = np.abs(image.astype("float64").sum(axis) - sums)
                assert off.max() <= 4e-7 * largest
                assert (off / sums).max() <= own


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="a loop of Python there")
@pytest.mark.parametrize("a_set", [ci.Simplex(), ci.L1Ball(1.0)], ids=["simplex", "l1 ball"])
def test_the_loop_onto_a_simplex_is_compiled_outside_of_a_step_too(a_set, monkeypatch):
    """Round by round TensorFlow takes a hundred times as long."""
    weights = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    first = array(a_set.project(weights))
    monkeypatch.setattr(keras.ops, "while_loop", None)
    np.testing.assert_array_equal(array(a_set.project(weights)), first)
