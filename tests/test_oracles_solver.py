"""Every convex set against an interior point solver, which knows the set by its definition only."""

import keras
import numpy as np
import pytest
from cases import CASES
from test_oracles import _by_cvxpy, projected

import constrainit as ci

SIGNS = np.array([[1, -1, 0], [0, 1, 1], [-1, -1, 0], [1, 0, 0]])
MASK = SIGNS != 0
LOW = np.where(MASK, -0.5, -2.0)
NORMAL = (1.0, -2.0, 0.5, 1.0)
OFFSETS = np.arange(3) - np.arange(4)[:, None]


def _by_signs(cp, x):
    return [cp.multiply(x, SIGNS) >= 0]


def _zero(where):
    return lambda cp, x: [cp.multiply(x, np.where(where, 1.0, 0.0)) == 0]


def _shares(cp, x):
    return [x >= 0, cp.sum(x, axis=0) == 1]


def _under_the_mask(cp, x):
    return [x >= 0, cp.sum(cp.multiply(x, MASK), axis=0) == 1, *_zero(~MASK)(cp, x)]


def _alike(step):
    """Equal entries one step down and to the right, beyond the edges or not."""

    def constraints(cp, x):
        rows, columns = x.shape
        places = [(i, j) for i in range(rows) for j in range(columns)]
        return [x[i, j] == x[step(i, j, x.shape)] for i, j in places if step(i, j, x.shape)]

    return constraints


def _down(i, j, shape):
    return (i + 1, j + 1) if i + 1 < shape[0] and j + 1 < shape[1] else None


def _around(i, j, shape):
    return (i + 1) % shape[0], (j + 1) % shape[1]


M, S = (4, 3), (4, 4)
SETS = {
    "NonNegative": (ci.NonNegative, M, lambda cp, x: [x >= 0]),
    "Positive": (lambda: ci.Positive(0.25), M, lambda cp, x: [x >= 0.25]),
    "Box": (lambda: ci.Box(LOW, 0.75), M, lambda cp, x: [x >= LOW, x <= 0.75]),
    "Sign": (lambda: ci.Sign(SIGNS), M, _by_signs),
    "Fixed": (lambda: ci.Fixed(MASK, 0.0), M, _zero(MASK)),
    "MaxAbs": (lambda: ci.MaxAbs(0.5), M, lambda cp, x: [cp.abs(x) <= 0.5]),
    "MaxNorm": (lambda: ci.MaxNorm(1.5), M, lambda cp, x: [cp.norm(x, 2, axis=0) <= 1.5]),
    "NormRange": (lambda: ci.NormRange(0.0, 1.5), M, lambda cp, x: [cp.norm(x, 2, axis=0) <= 1.5]),
    "L1Ball": (lambda: ci.L1Ball(1.5), M, lambda cp, x: [cp.norm(x, 1, axis=0) <= 1.5]),
    "GroupL1Ball": (
        lambda: ci.GroupL1Ball(2.0, axis=-1), M,
        lambda cp, x: [cp.sum(cp.norm(x, 2, axis=1)) <= 2],
    ),
    "Simplex": (ci.Simplex, M, _shares),
    "SumTo": (lambda: ci.SumTo(-3.0), M, lambda cp, x: [cp.sum(x, axis=0) == -3]),
    "ZeroMean": (ci.ZeroMean, M, lambda cp, x: [cp.sum(x, axis=0) == 0]),
    "Halfspace": (lambda: ci.Halfspace(NORMAL, -1.0), M, lambda cp, x: [NORMAL @ x <= -1]),
    "Affine": (lambda: ci.Affine(NORMAL, 2.0), M, lambda cp, x: [NORMAL @ x == 2]),
    "Polyhedron": (lambda: ci.Polyhedron([NORMAL], -1.0), M, lambda cp, x: [NORMAL @ x <= -1]),
    "RowStochastic": (
        ci.RowStochastic, M, lambda cp, x: [x >= 0, cp.sum(x, axis=1) == 1],
    ),
    "ColumnStochastic": (ci.ColumnStochastic, M, _shares),
    "DoublyStochastic": (
        ci.DoublyStochastic, S, lambda cp, x: [*_shares(cp, x), cp.sum(x, axis=1) == 1],
    ),
    "Transport": (
        lambda: ci.Transport([0.75] * 4, [1.0] * 3), M,
        lambda cp, x: [*_shares(cp, x), cp.sum(x, axis=1) == 0.75],
    ),
    "Monotone": (lambda: ci.Monotone(gap=0.1), M, lambda cp, x: [cp.diff(x, axis=0) >= 0.1]),
    "Convex": (ci.Convex, M, lambda cp, x: [cp.diff(x, 2, axis=0) >= 0]),
    "Concave": (ci.Concave, M, lambda cp, x: [cp.diff(x, 2, axis=0) <= 0]),
    "Unimodal": (
        lambda: ci.Unimodal("peak", 1), M,
        lambda cp, x: [x[0] <= x[1], cp.diff(x[1:], axis=0) <= 0],
    ),
    "Symmetric": (ci.Symmetric, S, lambda cp, x: [x == x.T]),
    "SkewSymmetric": (ci.SkewSymmetric, S, lambda cp, x: [x == -x.T]),
    "PositiveSemidefinite": (
        lambda: ci.PositiveSemidefinite(0.2), S, lambda cp, x: [x == x.T, x >> 0.2 * np.eye(4)],
    ),
    "Correlation": (ci.Correlation, S, lambda cp, x: [x == x.T, x >> 0, cp.diag(x) == 1]),
    "Dissipative": (
        lambda: ci.Dissipative(0.2), S, lambda cp, x: [x + x.T << -0.4 * np.eye(4)],
    ),
    "SpectralNorm": (lambda: ci.SpectralNorm(0.7), M, lambda cp, x: [cp.sigma_max(x) <= 0.7]),
    "SingularValues": (
        lambda: ci.SingularValues(0.0, 0.7), M, lambda cp, x: [cp.sigma_max(x) <= 0.7],
    ),
    "NuclearNorm": (lambda: ci.NuclearNorm(2.0), M, lambda cp, x: [cp.normNuc(x) <= 2]),
    "Triangular": (ci.Triangular, M, _zero(OFFSETS > 0)),
    "Diagonal": (ci.Diagonal, M, _zero(OFFSETS != 0)),
    "Banded": (lambda: ci.Banded(1, 0), M, _zero((OFFSETS < -1) | (OFFSETS > 0))),
    "Toeplitz": (ci.Toeplitz, M, _alike(_down)),
    "Circulant": (ci.Circulant, S, _alike(_around)),
    "CholeskyFactor": (
        lambda: ci.CholeskyFactor(0.5), M,
        lambda cp, x: [*_zero(OFFSETS > 0)(cp, x), *(x[i, i] >= 0.5 for i in range(3))],
    ),
    "Masked": (lambda: ci.Masked(ci.Simplex(), MASK), M, _under_the_mask),
    "Blocks": (
        lambda: ci.Blocks(ci.ZeroMean(axis=[0, 1]), 2), S,
        lambda cp, x: [cp.sum(x[:, :2]) == 0, cp.sum(x[:, 2:]) == 0],
    ),
    "Product": (
        lambda: ci.Product([ci.NonNegative(), None], [1, 3], axis=0), M, lambda cp, x: [x[0] >= 0],
    ),
    "Intersection": (
        lambda: ci.MaxAbs(0.5) & ci.SumTo(0.25), M,
        lambda cp, x: [cp.abs(x) <= 0.5, cp.sum(x, axis=0) == 0.25],
    ),
}  # fmt: skip
"""Name, weight and definition of each."""

AS_INSIDE = ("Braked", "Custom", "Every", "Mapped", "Relaxed", "SelfStarting")
"""What projects as the set that it is made of."""


@pytest.mark.parametrize("name", SETS)
def test_nearest_by_a_solver(name):
    """From weights around the set, and from ones that are ten times as far."""
    make, shape, constraints = SETS[name]
    a_set = make()
    for seed in range(4 if keras.backend.backend() == "torch" else 1):
        w = np.random.default_rng(seed).normal(size=shape) * (1.0, 10.0)[seed % 2]
        expected = _by_cvxpy(w, constraints)
        loose = 1e-4 * (1 + np.abs(w).max())
        np.testing.assert_allclose(projected(a_set, w), expected, rtol=0, atol=loose)


def test_every_convex_set_is_solved():
    """But for those that have no projection onto the nearest member."""
    convex = {type(case.make()).__name__ for case in CASES if case.convex and case.nearest}
    assert convex - {*SETS, *AS_INSIDE} == set()
