"""Cholesky factors against a solver, against all members of a fine grid, and against NumPy."""

import cvxpy
import numpy as np
import pytest
from conftest import array, tensor
from hypothesis import given
from kinds import DTYPES, inner
from test_oracles import QUICK, SLOW, close, projected, weights

import constrainit as ci


@SLOW
@given(w=weights(4, 3))
def test_cholesky_factor(w):
    """The solution of a solver, which knows the bounds only."""
    found = projected(ci.CholeskyFactor(0.5), w)
    v = cvxpy.Variable((4, 3))
    bounds = [v[i, j] == 0 for i in range(4) for j in range(i + 1, 3)]
    bounds += [v[i, i] >= 0.5 for i in range(3)]
    cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares((v - w) / 64)), bounds).solve(cvxpy.CLARABEL)
    close(found, v.value, w, share=1e-4)


@QUICK
@given(w=weights(3, 3))
def test_factor_of_a_correlation(w):
    """No member is nearer, of all on a fine grid of angles for each row."""
    minimum = 0.125
    found = projected(ci.CorrelationCholesky(minimum), w)
    np.testing.assert_array_equal(found[0], [1, 0, 0])
    height = np.linspace(minimum, 1.0, 201)
    turn = np.linspace(-np.pi, np.pi, 601)
    second = np.stack([s * np.sqrt(1 - height**2) for s in (1, -1)]).ravel()
    flat = np.sqrt(1 - height[:, None] ** 2)
    third = np.stack(
        [flat * np.cos(turn), flat * np.sin(turn), height[:, None] + 0 * turn], axis=-1
    ).reshape(-1, 3)
    grids = [None, np.stack([second, np.tile(height, 2)], axis=1), third]
    for i in (1, 2):
        row, image = w[i, : i + 1], found[i, : i + 1]
        assert image[i] >= minimum
        np.testing.assert_allclose(np.linalg.norm(image), 1.0, rtol=2e-6)
        # The nearest member of a sphere is that of the largest product.
        assert image @ row >= (grids[i] @ row).max() - 2e-6 * np.abs(row).max()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0, 0, 0, 0], [0, 0, 1, 0]),
        ([0, 0, 5, 9], [0, 0, 1, 0]),
        ([0, 0, -5, 0], [0.6**0.5 / 2**0.5, 0.6**0.5 / 2**0.5, 0.4**0.5, 0]),
        ([3, 4, -5, 0], [0.6 * 0.6**0.5, 0.8 * 0.6**0.5, 0.4**0.5, 0]),
        ([1e30, 0, -1e-30, 0], [0.6**0.5, 0, 0.4**0.5, 0]),
    ],
)
def test_rows_at_the_edge(row, expected):
    """A row of zeros, one along the diagonal and one against it, with a diagonal of some size."""
    w = np.tile(np.asarray(row, "float64")[None], (4, 1))
    found = projected(ci.CorrelationCholesky(0.4**0.5), w)[2]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-7)


@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_what_factors_are_for(dtype):
    """`L L'` is definite, or a correlation matrix; what is given back is its factor."""
    w = np.random.default_rng(0).normal(size=(2, 5, 5)) - 2 * np.eye(5)
    minimum = 0.1
    for a_set in (ci.CholeskyFactor(minimum), ci.CorrelationCholesky(minimum)):
        found = array(a_set.project(tensor(w, dtype)))
        diagonal = np.diagonal(found, axis1=-2, axis2=-1)
        assert (diagonal >= minimum).all()
        assert np.any(diagonal == inner(minimum, dtype, +1))
        products = found @ np.swapaxes(found, -1, -2)
        if isinstance(a_set, ci.CorrelationCholesky):
            ones = np.diagonal(products, axis1=-2, axis2=-1)
            np.testing.assert_allclose(ones, 1, rtol=8e-3 if dtype == "bfloat16" else 1e-3)
        np.testing.assert_allclose(np.linalg.cholesky(products), found, atol=1e-3)


def test_factor_of_a_covariance_stays():
    """The factor that NumPy finds of a covariance is a member, that of a correlation too."""
    b = np.random.default_rng(0).normal(size=(6, 12))
    for a_set, matrix in (
        (ci.CholeskyFactor(), np.cov(b)),
        (ci.CorrelationCholesky(), np.corrcoef(b)),
    ):
        factor = np.linalg.cholesky(matrix).astype("float32")
        np.testing.assert_array_equal(projected(a_set, factor), factor)


def test_start_of_factors():
    """Columns of the norm of a Glorot draw, or rows of norm one; a large minimum is kept."""
    drawn = array(ci.CholeskyFactor().initializer(0)((48, 16)))
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=0), np.sqrt(96 / 64), rtol=1e-5)
    drawn = array(ci.CholeskyFactor(3.0).initializer(0)((2, 8, 8)))
    norms = np.linalg.norm(drawn, axis=1)
    np.testing.assert_allclose(norms[:, :6], 3.75, rtol=1e-5)
    # A column with a single weight beside the minimum has a sign and no direction: sizes differ.
    np.testing.assert_allclose(norms[:, 6:], 3.75, rtol=0.15)
    assert (np.diagonal(drawn, axis1=1, axis2=2) >= 3.0).all()
    drawn = array(ci.Masked(ci.CholeskyFactor(), np.arange(8) != 2).initializer(0)((8, 8)))
    assert not drawn[:, 2].any()
    assert (np.diagonal(drawn)[[0, 1, 3, 4, 5, 6, 7]] > 0).all()
    drawn = array(ci.CorrelationCholesky().initializer(0)((2, 8, 8)))
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=2), 1.0, rtol=1e-5)
    assert not np.array_equal(drawn[0], drawn[1])
