"""Sets of matrices against independent solvers, and the bounds and fast ways that they use."""

import keras
import numpy as np
import pytest
from cases_matrices import convolution_norm
from conftest import arithmetic, array, tensor
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from test_oracles import QUICK, SLOW, _by_cvxpy, projected, weights

import constrainit as ci
from constrainit.numerics import _polar as polar_module
from constrainit.numerics import convolution_bound, polar_factor, spectral_bound, spectral_slack


def near_in_norm(found, expected, w, share=1e-5):
    """Agreement to the rounding of float32, relative to the result and a little to the weight."""
    scale = np.linalg.norm(expected) + 1e-2 * np.linalg.norm(w) + 1e-30
    assert np.linalg.norm(found - expected) <= share * scale


CONVEX = {
    "spectral": (lambda: ci.SpectralNorm(1.5), (5, 3), lambda cp, x: [cp.sigma_max(x) <= 1.5]),
    "nuclear": (lambda: ci.NuclearNorm(2.0), (3, 4), lambda cp, x: [cp.normNuc(x) <= 2.0]),
    "semidefinite": (
        lambda: ci.PositiveSemidefinite(0.2), (4, 4),
        lambda cp, x: [x == x.T, x >> 0.2 * np.eye(4)],
    ),
    "correlation": (
        ci.Correlation, (4, 4), lambda cp, x: [x == x.T, x >> 0, cp.diag(x) == 1],
    ),
    "dissipative": (
        lambda: ci.Dissipative(0.2), (4, 4), lambda cp, x: [x + x.T << -0.4 * np.eye(4)],
    ),
    "skew": (ci.SkewSymmetric, (3, 3), lambda cp, x: [x == -x.T]),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVEX)
@SLOW
@given(data=st.data())
def test_convex_sets_of_matrices(name, data):
    """The projection ends where an interior point solver does."""
    make, shape, constraints = CONVEX[name]
    w = data.draw(weights(*shape))
    w = w / max(np.abs(w).max() / 4, 1.0)
    expected = _by_cvxpy(w, constraints)
    loose = 1e-4 * (1 + np.abs(w).max())
    np.testing.assert_allclose(projected(make(), w), expected, rtol=0, atol=loose)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
@QUICK
@given(data=st.data())
def test_values_are_cut(shape, data):
    """Singular values are cut at the bound, in NumPy's float64."""
    w = data.draw(weights(*shape))
    u, s, v = np.linalg.svd(w, full_matrices=False)
    near_in_norm(projected(ci.SpectralNorm(0.7), w), (u * np.minimum(s, 0.7)) @ v, w)


@pytest.mark.parametrize("rank", [1, 2])
@QUICK
@given(w=weights(4, 3))
def test_low_rank(rank, w):
    """What is left out is what NumPy's singular values say must be at least."""
    found, s = projected(ci.LowRank(rank), w), np.linalg.svd(w, compute_uv=False)
    assert np.linalg.svd(found, compute_uv=False)[rank] <= 2e-6 * s[0] + 1e-30
    assert np.linalg.norm(w - found) <= np.linalg.norm(s[rank:]) + 4e-6 * s[0]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
@QUICK
@given(data=st.data())
def test_values_are_clipped(shape, data):
    """The distance is that of the singular values from their range, in NumPy's float64."""
    w = data.draw(weights(*shape))
    found, s = projected(ci.SingularValues(0.3, 0.7), w), np.linalg.svd(w, compute_uv=False)
    np.testing.assert_allclose(
        np.linalg.svd(found, compute_uv=False), np.clip(s, 0.3, 0.7), rtol=0, atol=2e-6
    )
    expected = np.linalg.norm(s - np.clip(s, 0.3, 0.7))
    assert abs(np.linalg.norm(w - found) - expected) <= 4e-6 * (1 + s[0])


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_what_is_certified_is_inside(scale):
    """Also where one singular value is so near its bound that rounding could hide on which side."""
    a_set, rng = ci.SingularValues(0.002 * scale, scale), np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=(n, 48)))[0] for n in (96, 48))
    certified = []
    for least in (*np.linspace(0.0, 0.002, 41), 0.01, 0.1):
        w = tensor((u * np.r_[np.full(47, 0.5**0.5), least] * scale) @ v)
        certified.append(bool(a_set._certified(w)))
        found = np.linalg.svd(array(w), compute_uv=False)[-1]
        assert found >= 0.002 * scale - 2e-6 * scale or not certified[-1]
    assert certified[-1]
    inside = ci.SingularValues(0.5, 2.0)
    for shape in ((40, 40), (64, 32), (32, 64)):
        assert bool(inside._certified(inside.initializer(0)(shape)))


@QUICK
@given(w=weights(4, 4))
def test_definite_of_low_rank(w):
    """It is as far away as the eigenvalues of the symmetric part say, in NumPy's float64."""
    found, even = projected(ci.PositiveSemidefinite(rank=2), w), (w + w.T) / 2
    values = np.linalg.eigvalsh(even)
    kept = np.concatenate([np.zeros(2), np.maximum(values[2:], 0)])
    size = np.linalg.norm(w) + 1e-30
    assert abs(np.linalg.eigvalsh(found) - kept).max() <= 2e-6 * size
    expected = np.hypot(np.linalg.norm(values - kept), np.linalg.norm((w - w.T) / 2))
    assert abs(np.linalg.norm(found - w) - expected) <= 4e-6 * size


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_dissipative_dynamics_contract(rate):
    """The norm of `exp(W t)` is at most `exp(-rate t)`, for what is projected and what is drawn."""
    a_set, rng = ci.Dissipative(rate), np.random.default_rng(0)
    for w in (array(a_set.project(tensor(rng.normal(size=(5, 5))))),
              array(a_set.initializer(0)((5, 5)))):  # fmt: skip
        for time in (0.1, 1.0, 7.0):
            largest = np.linalg.norm(expm(w * time), 2)
            assert largest <= np.exp(-rate * time) * (1 + 1e-4)


@QUICK
@given(w=weights(3, 3))
def test_rotation(w):
    """No rotation of a fine grid, and none from NumPy's decomposition, is nearer."""
    found = projected(ci.SpecialOrthogonal(), w)
    np.testing.assert_allclose(found.T @ found, np.eye(3), atol=5e-6)
    assert np.linalg.det(found) > 0.999
    u, _, v = np.linalg.svd(w)
    best = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
    rivals = [best, *ROTATIONS]
    assert np.sum(found * w) >= max(np.sum(r * w) for r in rivals) - 1e-5 * np.linalg.norm(w)


def _rotations(count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        yield q * np.sign(np.linalg.det(q))


ROTATIONS = list(_rotations(500))


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 40])
def test_sign_of_the_determinant(size):
    """By cosines in pairs as by elimination; with pairs at -1 too."""
    rng = np.random.default_rng(size)
    some = [np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(8)]
    for q in (*some, np.eye(size), -np.eye(size)):
        assert bool(polar_module.is_rotation(tensor(q))) == (np.linalg.det(q) > 0)


@QUICK
@given(w=weights(4, 4))
def test_nearest_correlation(w):
    """Higham's alternating projections with Dykstra's correction, in float64, end there too."""
    w = w / max(np.abs(w).max() / 3, 1.0)
    y = (w + w.T) / 2
    correction = np.zeros_like(y)
    for _ in range(3000):
        r = y - correction
        values, v = np.linalg.eigh(r)
        x = (v * np.maximum(values, 0)) @ v.T
        correction, before, y = x - r, y, x.copy()
        np.fill_diagonal(y, 1.0)
        if np.abs(y - before).max() < 1e-12:
            break
    found = projected(ci.Correlation(), w)
    np.testing.assert_allclose(found, y, atol=1e-5 * float(1 + np.linalg.norm(w)))


# The polar factor near the set


@pytest.mark.parametrize("step", [0.0, 1e-4, 1e-3, 3e-3, 3e-2, 1.0])
@pytest.mark.parametrize("shape", [(96, 96), (128, 64), (64, 128)])
def test_polar_factor_near_and_far(step, shape):
    """Off by any step, orthonormal to rounding and at the factor of NumPy's float64."""
    rng = np.random.default_rng(0)
    w = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))[0]
    w = (w if w.shape == shape else w.T) + step * rng.normal(size=shape)
    u, _, v = np.linalg.svd(w, full_matrices=False)
    found = array(polar_factor(tensor(w)))
    side = min(shape)
    tall = found if shape[0] >= shape[1] else found.T
    assert np.linalg.norm(tall.T @ tall - np.eye(side)) <= 2e-6 * side**0.5
    # Far from the set the factor moves more than the weight, by the smallest singular value.
    moved = 1e-5 if step < 0.1 else 1e-3
    assert np.linalg.norm(found - u @ v) <= moved * side**0.5


def test_no_decomposition_near_the_set(monkeypatch):
    """One step off there is none; where the steps lead elsewhere or are too few, there is."""
    calls = []
    whole = polar_module._by_decomposition

    def counted(w, rotation):
        calls.append(1)
        return whole(w, rotation)

    monkeypatch.setattr(polar_module, "_by_decomposition", counted)
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 64)))[0]
    eager = keras.backend.backend() != "jax"
    stretched = q @ np.diag(np.resize([1.0, 1.1, 0.92], 64))
    for w, expected in ((q, 0), (q + 1e-3, 0), (stretched, 0), (0.1 * q, 1), (1.9 * q, 1)):
        before = len(calls)
        found = array(polar_factor(tensor(w)))
        u, _, v = np.linalg.svd(w)
        np.testing.assert_allclose(found, u @ v, atol=2e-5)
        np.testing.assert_allclose(found.T @ found, np.eye(64), atol=5e-6)
        assert not eager or len(calls) - before == expected
    # All but one direction are orthonormal: close in norm, but too far for the series.
    for last in (1.42, 1.39, 0.1, 1e-3, 0.0):
        w = q.copy()
        w[:, 0] *= last
        found = array(polar_factor(tensor(w)))
        np.testing.assert_allclose(found.T @ found, np.eye(64), atol=5e-6)


# Bounds from above


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@QUICK
@given(data=st.data(), shape=st.sampled_from([(4, 3), (3, 6), (1, 5)]))
def test_spectral_bound(dtype, data, shape):
    """Never below the largest singular value, and at most 2 % above it."""
    w = data.draw(weights(*shape))
    with arithmetic(dtype):
        bound = float(array(spectral_bound(tensor(w, dtype))).item())
    norm = np.linalg.norm(w, 2)
    assert norm <= bound <= 1.02 * norm


def test_spectral_bound_of_large_matrices():
    """Above, by 5.1 % at most, for flat and for steep spectra; at the ends of the dtype too."""
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.normal(size=(256, 256)))[0]
    for w in (q, 1e20 * q, 1e-20 * q, rng.normal(size=(256, 64)), np.ones((64, 256))):
        stored = w.astype("float32").astype("float64")
        bound = float(array(spectral_bound(tensor(w))).item())
        assert 1.0 <= bound / np.linalg.norm(stored, 2) <= 1.06


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (5, 5, 4, 4), (2, 4, 3, 1), (1, 1, 8, 8)])
def test_convolution_bound(shape):
    """Above the norm at every frequency of a fine grid, and by 6 % at most."""
    for seed in range(5):
        kernel = np.random.default_rng(seed).normal(size=shape)
        bound = float(array(convolution_bound(tensor(kernel))).item())
        assert 1.0 <= bound / convolution_norm(kernel) <= 1.06


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2])
def test_layers_are_lipschitz(padding, strides):
    """The matrix of a layer, column by column, has no singular value above the bound."""
    layer = keras.layers.Conv2D(
        3, 3, strides=strides, padding=padding, use_bias=False,
        kernel_constraint=ci.ConvSpectralNorm(0.8),
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=0),
    )  # fmt: skip
    units = np.eye(7 * 7 * 2).reshape(-1, 7, 7, 2).astype("float32")
    layer.build((None, 7, 7, 2))
    layer.kernel.assign(layer.kernel_constraint(layer.kernel))
    matrix = array(layer(units)).reshape(len(units), -1)
    norm = np.linalg.norm(matrix, 2)
    assert norm <= 0.8 * (1 + 1e-6)
    assert norm > 0.4 or strides > 1


@pytest.mark.parametrize("seed", range(3))
def test_start_of_a_convolution(seed):
    """The draw is a scaled isometry at the centre: it keeps the norm of every input alike."""
    kernel = array(ci.ConvSpectralNorm(1.0).initializer(seed)((3, 3, 8, 8)))
    assert 0.9 < convolution_norm(kernel) <= 1.0
    s = np.linalg.svd(kernel[1, 1], compute_uv=False)
    np.testing.assert_allclose(s, s[0], rtol=1e-5)
    assert np.count_nonzero(kernel) <= 64


@pytest.mark.parametrize("shape", [(512, 128), (40, 700), (2000, 20)])
def test_the_map_reaches_orthonormal_columns(shape, rng):
    """Their upper bound is at most `spectral_slack`, for which the map leaves room."""
    q = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))[0].astype("float32")
    w = tensor(q if shape[0] > shape[1] else q.T.copy())
    certificate = float(array(spectral_bound(w))[0, 0])
    assert certificate <= spectral_slack(*shape, "float32") <= 1.01 * certificate
    smooth = ci.SpectralNorm(1.0).transform
    back = array(smooth.forward(smooth.right_inverse(w)))
    assert np.linalg.norm(back - array(w)) <= 1e-6 * np.linalg.norm(q)
