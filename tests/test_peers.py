"""What other libraries get wrong, as each was measured to, and what must hold here instead."""

import numpy as np
import pytest
from conftest import array, same_bits, tensor
from test_oracles import _by_cvxpy

import constrainit as ci

NORMAL = np.random.default_rng(0).normal(size=(16, 4))


def sums(a_set, w, dtype="float32"):
    """The sums of the units of an image."""
    return array(a_set.project(tensor(w, dtype))).sum(axis=0)


def norms(a_set, w, dtype="float32"):
    """The norms of the units of an image."""
    return np.linalg.norm(array(a_set.project(tensor(w, dtype))), axis=0)


def test_simplex_far_from_zero():
    """optax: weights shifted by 1e4 sum to 1 up to 1.1e-2, as no largest one is taken off."""
    np.testing.assert_allclose(sums(ci.Simplex(), NORMAL + 1e4), 1, rtol=0, atol=2e-6)
    near = array(ci.Simplex().project(tensor(NORMAL.round(2))))
    far = array(ci.Simplex().project(tensor(NORMAL.round(2) + 1024)))
    np.testing.assert_allclose(far, near, rtol=0, atol=3e-4)


def test_simplex_and_l1_ball_in_bfloat16():
    """optax: sums in bfloat16 are off by up to 0.20, and its L1 ball raises a TypeError."""
    np.testing.assert_allclose(sums(ci.Simplex(), NORMAL, "bfloat16"), 1, rtol=0, atol=4e-3)
    inside = array(ci.L1Ball(1).project(tensor(NORMAL, "bfloat16")))
    assert (np.abs(inside).sum(axis=0) <= 1).all()


def test_norms_of_huge_weights():
    """Keras: a norm of 1e20 overflows in its square, and the weight is 0; optax from 1e25 on."""
    for size in (1e20, 1e25, 1e37):
        np.testing.assert_allclose(norms(ci.MaxNorm(2), size * NORMAL), 2, rtol=4e-6)
        np.testing.assert_allclose(norms(ci.UnitNorm(), size * NORMAL), 1, rtol=4e-6)
    np.testing.assert_allclose(norms(ci.MaxNorm(2), 1e4 * NORMAL, "float16"), 2, rtol=1e-3)


def test_norms_of_tiny_and_zero_weights():
    """Keras: a zero column has no unit norm, one of 1e-6 gets 0.909; optax: NaN."""
    w = np.stack([np.zeros(16), np.full(16, 1e-6 / 4), np.full(16, 1e-20)], axis=1)
    for a_set in (ci.UnitNorm(), ci.NormRange(1, 2)):
        np.testing.assert_allclose(norms(a_set, w), 1, rtol=4e-6)


def test_members_of_a_ball_do_not_shrink():
    """Keras: an epsilon in the divisor shrinks a column of norm 1e-4 to 0.0052 of it in 1000."""
    w = tensor(np.full((4, 2), 5e-5))
    image = w
    for _ in range(20):
        image = ci.MaxNorm(2).project(image)
    assert same_bits(array(image), array(w))


def test_birkhoff_of_negative_weights():
    """geoopt: of normal weights the least is -0.22 and sums are off by 7; optax: by 2e-4."""
    for w in (NORMAL[:4], -3 - np.abs(NORMAL[:4]), NORMAL[:4] + 1e4):
        image = array(ci.DoublyStochastic().project(tensor(w)))
        assert image.min() >= 0
        for axis in (0, 1):
            np.testing.assert_allclose(image.sum(axis=axis), 1, rtol=0, atol=2e-6)


def test_spectral_norm_of_zero():
    """torch: the spectral norm of a zero weight is NaN, and after 15 iterations it is above 1."""
    assert not array(ci.SpectralNorm().project(tensor(np.zeros((4, 3))))).any()
    w = 3 * np.random.default_rng(1).normal(size=(48, 48))
    largest = np.linalg.svd(array(ci.SpectralNorm().project(tensor(w))), compute_uv=False)[0]
    assert largest <= 1 + 2e-6


def test_maps_of_far_values_stay_inside():
    """numpyro: -110 becomes 0, not positive; gpytorch: 40 becomes 0.30000001 in [0.2, 0.3]."""
    for a_set in (ci.Positive(1e-4), ci.Box(0.2, 0.3), ci.Simplex(), ci.PositiveSemidefinite()):
        for value in (-110.0, 40.0, 0.0):
            free = tensor(np.full((4, 4), value))
            assert float(a_set.violation(a_set.transform.forward(free))) == 0.0
    image = array(ci.Box(0.2, 0.3).transform.forward(tensor([40.0])))
    assert image <= 0.3


def test_orthogonal_map_of_decayed_values():
    """torch: one step of weight decay makes zero of a matrix behind the map by reflections."""
    maps = ci.Orthogonal().transform
    free = maps.right_inverse(ci.Orthogonal().initializer(0)((6, 3)))
    image = array(maps.forward(free * (1 - 1e-5)))
    np.testing.assert_allclose(image.T @ image, np.eye(3), rtol=0, atol=2e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_orthogonal_in_half_precision(dtype):
    """torch: a matrix of bfloat16 is orthogonal to 2e-2, one of float16 can not be made."""
    image = array(ci.Orthogonal().project(tensor(NORMAL, dtype)))
    off = np.linalg.norm(image.T @ image - np.eye(4))
    # The rounding of entries of the storage dtype allows no more.
    assert off <= {"float16": 2e-3, "bfloat16": 1.6e-2}[dtype]


def test_symmetric_before_the_first_step():
    """Keras users: a kernel that is made symmetric after a step is not so before it."""
    kernel = array(ci.Symmetric().initializer(0)((8, 8)))
    np.testing.assert_array_equal(kernel, kernel.T)


def test_monotone_is_the_nearest():
    """TF Lattice: eight sweeps end 2.7 % away from the nearest monotone weights."""
    from scipy.optimize import isotonic_regression

    image = array(ci.Monotone().project(tensor(NORMAL)))
    stored = array(tensor(NORMAL))
    expected = np.stack([isotonic_regression(column).x for column in stored.T], axis=1)
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-6)


def test_monotone_lattice_is_the_nearest():
    """TF Lattice: of three axes with three vertices each, too."""
    w = array(tensor(np.random.default_rng(2).normal(size=(3, 3, 3))))
    both = ci.Monotone(axis=0) & ci.Monotone(axis=1) & ci.Monotone(axis=2)
    expected = _by_cvxpy(
        w.reshape(9, 3),
        lambda cp, x: [
            cp.diff(x, axis=1) >= 0, x[3:] >= x[:-3],
            *(x[3 * i + j] <= x[3 * i + j + 1] for i in range(3) for j in range(2)),
        ],
    )  # fmt: skip
    image = array(both.project(tensor(w)))
    np.testing.assert_allclose(image.reshape(9, 3), expected, rtol=0, atol=1e-5)


def test_definite_matrices_of_far_values():
    """torch: what its map makes of 64 x 64 normal numbers of deviation 3 fails its own check."""
    free = tensor(3 * np.random.default_rng(3).normal(size=(64, 64)))
    a_set = ci.PositiveSemidefinite(1e-4)
    assert float(a_set.violation(a_set.transform.forward(free))) == 0.0


def test_maps_of_sums_are_in_balance():
    """numpyro: of 1000 shares the first is 0.002, the last 0.00017; of an L1 ball 10 are not 0."""
    maps, draws = ci.Simplex().transform, np.random.default_rng(4).normal(size=(1000, 64))
    free = tensor(maps.deviation(draws.shape) * draws)
    shares = array(maps.forward(free)).mean(axis=1)
    np.testing.assert_allclose([shares[0], shares[-1]], 1e-3, rtol=0.6)
    assert np.count_nonzero(array(ci.L1Ball(1).transform.forward(free))) == draws.size


def test_tall_orthogonal_matrices():
    """geotorch: 30,000 x 50 takes minutes and is then killed."""
    a_set = ci.Orthogonal()
    w = a_set.initializer(0)((30_000, 50))
    image = array(a_set.transform.forward(a_set.transform.right_inverse(w)))
    np.testing.assert_allclose(image, array(w), rtol=0, atol=1e-5)
    np.testing.assert_allclose(image.T @ image, np.eye(50), rtol=0, atol=1e-5)


def test_both_kinds_of_orthogonal_matrices():
    """geotorch: from a rotation no step leads to a reflection; `right_inverse` does, to each."""
    maps = ci.Orthogonal().transform
    for sign in (1.0, -1.0):
        w = array(ci.SpecialOrthogonal().initializer(5)((4, 4)))
        w[:, 0] *= sign
        np.testing.assert_allclose(array(maps.forward(maps.right_inverse(tensor(w)))), w, atol=1e-6)
