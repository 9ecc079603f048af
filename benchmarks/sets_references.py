"""The nearest points and the distances from a set, in NumPy float64, by slow and plain means."""

import numpy as np
from scipy.optimize import isotonic_regression


def simplex(w):
    """Each column onto the simplex, by sorting."""
    down = -np.sort(-w, axis=0)
    index = np.arange(1, len(w) + 1)[:, None]
    thresholds = (np.cumsum(down - down[:1], axis=0) - 1.0) / index + down[:1]
    size = (down > thresholds).sum(axis=0) - 1
    return np.maximum(w - thresholds[size, np.arange(w.shape[1])], 0.0)


def l1_ball(w):
    """Each column onto the unit ball of the sum of magnitudes."""
    outside = np.abs(w).sum(axis=0) > 1.0
    return np.where(outside, np.sign(w) * simplex(np.abs(w)), w)


def isotonic(w):
    """Each column to its nearest column that rises, by pool adjacent violators."""
    return np.stack([isotonic_regression(column).x for column in w.T], axis=1)


def birkhoff(w, sweeps=5000):
    """The nearest doubly stochastic matrix, by Dykstra's algorithm; None if that does not end."""
    x, correction, n = w - w.mean(), np.zeros_like(w), len(w)
    for _ in range(sweeps):
        rows, columns = x.sum(1, keepdims=True) - 1, x.sum(0, keepdims=True) - 1
        x = x - rows / n - columns / n + rows.sum() / n**2
        moved = np.maximum(x + correction, 0.0)
        correction = x + correction - moved
        x = moved
        if max(np.abs(x.sum(1) - 1).max(), np.abs(x.sum(0) - 1).max()) < 1e-10:
            return x
    return None


def correlation(w, sweeps=300):
    """The nearest correlation matrix, by alternating projections; None if that does not end."""
    x = (w + w.T) / 2
    correction = np.zeros_like(w)
    for _ in range(sweeps):
        inner = semidefinite(x - correction)
        correction = inner - (x - correction)
        change = np.abs(np.diag(inner) - 1).max()
        x = inner.copy()
        np.fill_diagonal(x, 1.0)
        if change < 1e-9:
            return x
    return None


def polar(w):
    """The nearest matrix with orthonormal columns."""
    u, _, v = np.linalg.svd(w, full_matrices=False)
    return u @ v


def semidefinite(w):
    """The nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh((w + w.T) / 2)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def spectral(w):
    """The nearest matrix with singular values of at most one."""
    u, values, v = np.linalg.svd(w, full_matrices=False)
    return (u * np.minimum(values, 1.0)) @ v


def in_range(w):
    """The nearest matrix with singular values between 0.5 and 1.5."""
    u, values, v = np.linalg.svd(w, full_matrices=False)
    return (u * np.clip(values, 0.5, 1.5)) @ v


def range_off(values):
    """How far singular values are from that range."""
    return np.abs(values - np.clip(values, 0.5, 1.5)).max()


def nuclear(w):
    """The nearest matrix with singular values of a sum of at most 8."""
    u, values, v = np.linalg.svd(w, full_matrices=False)
    return (u * (8.0 * l1_ball(values[:, None] / 8.0)[:, 0])) @ v


def dissipative(w):
    """The nearest matrix with a symmetric part of no eigenvalue above -0.1."""
    return w - semidefinite(w + 0.1 * np.eye(len(w)))


def low_rank(w, rank):
    """The nearest matrix of at most this rank."""
    u, values, v = np.linalg.svd(w, full_matrices=False)
    return (u[:, :rank] * values[:rank]) @ v[:rank]


def max_norm(w):
    """Columns of norm at most one."""
    norm = column_norms(w)
    return w / np.maximum(norm, 1.0)


def unit_norm(w):
    """Columns of norm one; a zero column becomes even."""
    norm = column_norms(w)
    return np.where(norm > 0, w / np.where(norm > 0, norm, 1.0), len(w) ** -0.5)


def column_norms(w):
    """The norm of each column."""
    return np.linalg.norm(w, axis=0, keepdims=True)


def shares_off(w):
    """How far columns are from being non-negative and of sum one."""
    return max(np.abs(w.sum(axis=0) - 1).max(), -w.min(), 0.0)


def stochastic_off(w):
    """How far a matrix is from being doubly stochastic: the largest error of a sum or sign."""
    return max(shares_off(w), shares_off(w.T))


def orthogonal_off(w):
    """The largest entry of `W'W - I`."""
    return np.abs(w.T @ w - np.eye(w.shape[1])).max()


def semidefinite_off(w):
    """The size of the least eigenvalue if it is negative, or of what is not symmetric."""
    return max(-np.linalg.eigvalsh((w + w.T) / 2).min(), np.abs(w - w.T).max(), 0.0)


def rank_off(w, rank):
    """The first singular value that should be zero."""
    return np.linalg.svd(w, compute_uv=False)[rank]
