"""Rows of the sets of matrices."""

import math

import numpy as np
from kinds import (
    TOLERANCE,
    C,
    Case,
    M,
    Probability,
    S,
    glorot,
    orthogonal,
    slack,
    slices,
    symmetric_sample,
    whole,
)

import constrainit as ci

STACK = (2, 3, 3)
TURNED = (2, 2, 4)


def by_values(name, make, shape, distance, sample, **facts):
    """A row of sets of singular values, the last axis as columns."""
    height, width = math.prod(shape[:-1]), shape[-1]

    def far(w, dtype):
        return np.asarray([distance(np.linalg.svd(w.reshape(height, width), compute_uv=False))])

    def member(rng):
        u = np.linalg.qr(rng.normal(size=(height, min(height, width))))[0]
        v = np.linalg.qr(rng.normal(size=(width, min(height, width))))[0]
        if rng.integers(2):
            u, v = np.eye(*u.shape), np.eye(*v.shape)
        return (u * sample(rng, min(height, width)) @ v.T).reshape(shape)

    return Case(name, make, shape, far, member, whole(shape), **facts)


def below(bound):
    """Values that are all at a bound, some of them or none."""
    return lambda rng, k: bound * rng.choice([rng.uniform(size=k), np.ones(k), np.zeros(k)])


def nuclear_distance(radius):
    simplex = Probability(radius)
    return lambda s: simplex.distance(s, "") if s.sum() > radius else 0.0


def nuclear_sample(radius):
    return lambda rng, k: np.abs(Probability(radius).sample(rng, k)) * rng.choice([1.0, 0.3])


def between(low, high):
    """Values that are all at a bound, at either one, or between them."""
    return lambda rng, k: np.choose(
        rng.integers(4), [rng.uniform(low, high, k), np.full(k, low), np.full(k, high),
                          rng.choice([low, high], k)]
    )  # fmt: skip


def rank_sample(rank):
    return lambda rng, k: (np.arange(k) < rng.integers(rank + 1)) * rng.choice([1e-2, 1.0, 9.0])


# Rotations


def turned(name, make, shape, rows):
    """A row of rotations: orthogonal matrices, every second one with a column turned round."""
    row = orthogonal(name, make, shape, rows)
    size = math.isqrt(math.prod(shape))

    def distance(w, dtype):
        # The rows of these shapes come first, so that a reshape gives the matrix.
        m = w.reshape(size, size)
        s = np.linalg.svd(m, compute_uv=False)
        s[-1] *= np.sign(np.linalg.det(m / max(np.abs(m).max(), 1e-300))) or 1.0
        return np.asarray([np.linalg.norm(s - 1.0)])

    def sample(rng):
        m = row.sample(rng).reshape(size, size)
        m[:, 0] *= np.sign(np.linalg.det(m))
        return m.reshape(shape)

    return Case(name, make, shape, distance, sample, whole(shape), convex=False)


# Convolutions


def convolution_norm(kernel):
    """The largest singular value over a fine grid of frequencies."""
    waves = np.fft.fft2(kernel, s=(64, 64), axes=(0, 1))
    return np.linalg.svd(waves, compute_uv=False).max()


def convolution_sample(rng):
    k = rng.normal(size=C) * rng.integers(0, 2, size=C)
    return rng.choice([0.0, 0.4, 0.72]) * k / max(convolution_norm(k), 1e-9)


def is_lipschitz(w, dtype):
    return convolution_norm(w) <= 0.8 + slack(w, dtype)


# Square matrices


def mirrored(w):
    return np.swapaxes(w, -1, -2)


def definite_distance(minimum):
    def distance(w, dtype):
        even, odd = (w + mirrored(w)) / 2, (w - mirrored(w)) / 2
        low = np.maximum(minimum - np.linalg.eigvalsh(even), 0.0)
        return np.sqrt(np.sum(odd**2, axis=(-2, -1)) + np.sum(low**2, axis=-1)).ravel()

    return distance


def definite_inside(minimum):
    def is_inside(w, dtype):
        loose = [slack(one, dtype) for one in w.reshape(-1, *w.shape[-2:])]
        return np.array_equal(w, mirrored(w)) and bool(
            (definite_distance(minimum)(w, dtype) <= loose).all()
        )

    return is_inside


def definite_sample(shape, minimum):
    def sample(rng):
        b = rng.normal(size=shape) * rng.integers(0, 2, size=shape)
        w = b @ mirrored(b) * rng.choice([1e-2, 1.0, 30.0]) + minimum * np.eye(shape[-1])
        return (w + mirrored(w)) / 2

    return sample


def thin_distance(rank):
    def distance(w, dtype):
        even, odd = (w + w.T) / 2, (w - w.T) / 2
        values = np.linalg.eigvalsh(even)
        kept = np.maximum(values[-rank:], 0.0)
        rest = np.concatenate([values[:-rank], values[-rank:] - kept])
        return np.asarray([np.hypot(np.linalg.norm(odd), np.linalg.norm(rest))])

    return distance


def thin_inside(rank):
    def is_inside(w, dtype):
        return np.array_equal(w, w.T) and thin_distance(rank)(w, dtype)[0] <= slack(w, dtype)

    return is_inside


def thin_sample(rng):
    b = rng.normal(size=(4, 2)) * rng.integers(0, 2, size=2)
    return b @ b.T * rng.choice([1e-2, 1.0, 30.0])


def damped_distance(rate):
    def distance(w, dtype):
        high = np.maximum(np.linalg.eigvalsh((w + mirrored(w)) / 2) + rate, 0.0)
        return np.linalg.norm(high, axis=-1).ravel()

    return distance


def damped_sample(shape, rate):
    def sample(rng):
        k = rng.normal(size=shape) * rng.choice([0.0, 1.0, 30.0])
        return k - mirrored(k) - definite_sample(shape, rate)(rng)

    return sample


def correlation_sample(shape):
    def sample(rng):
        b = rng.normal(size=(*shape[:-1], rng.integers(1, shape[-1] + 3)))
        if rng.integers(2):
            b = np.sign(b) * rng.integers(1, 3, size=b.shape)
        w = b @ mirrored(b)
        d = np.sqrt(np.diagonal(w, axis1=-2, axis2=-1))
        w = w / (d[..., None] * d[..., None, :])
        return np.where(np.eye(shape[-1]) > 0, 1.0, (w + mirrored(w)) / 2)

    return sample


def is_correlation(w, dtype):
    ones = np.diagonal(w, axis1=-2, axis2=-1) == 1
    low = np.linalg.eigvalsh((w + mirrored(w)) / 2).min()
    near = low >= -TOLERANCE[dtype] * np.linalg.norm(w)
    return bool(np.array_equal(w, mirrored(w)) and ones.all() and near)


def skew_distance(w, dtype):
    return np.asarray([np.linalg.norm((w + w.T) / 2)])


def skew_sample(rng):
    w = np.triu(symmetric_sample(S)(rng), 1)
    return w - w.T


ROWS = [
    turned("SpecialOrthogonal", ci.SpecialOrthogonal, S, (0,)),
    turned("SpecialOrthogonal_folded", lambda: ci.SpecialOrthogonal(axis=[0, 1]), TURNED, (0, 1)),
    by_values("SpectralNorm", ci.SpectralNorm, M,
              lambda s: np.linalg.norm(np.maximum(s - 1.0, 0.0)), below(1.0)),
    by_values("SpectralNorm_conv", lambda: ci.SpectralNorm(0.5), C,
              lambda s: np.linalg.norm(np.maximum(s - 0.5, 0.0)), below(0.5)),
    Case("ConvSpectralNorm", lambda: ci.ConvSpectralNorm(0.8), C, None, convolution_sample,
         whole(C), convex=False, nearest=False, is_inside=is_lipschitz),
    by_values("NuclearNorm", lambda: ci.NuclearNorm(2.0), M, nuclear_distance(2.0),
              nuclear_sample(2.0)),
    by_values("LowRank", lambda: ci.LowRank(2), M, lambda s: np.linalg.norm(s[2:]),
              rank_sample(2), convex=False, variance=glorot),
    by_values("SingularValues", lambda: ci.SingularValues(0.5, 2.0), M,
              lambda s: np.linalg.norm(s - np.clip(s, 0.5, 2.0)), between(0.5, 2.0), convex=False),
    by_values("SingularValues_wide", lambda: ci.SingularValues(0.0, 0.7), (3, 4),
              lambda s: np.linalg.norm(np.maximum(s - 0.7, 0.0)), between(0.0, 0.7)),
    Case("Dissipative", ci.Dissipative, S, damped_distance(0.0), damped_sample(S, 0.0), whole(S)),
    Case("Dissipative_stack", lambda: ci.Dissipative(0.1), STACK, damped_distance(0.1),
         damped_sample(STACK, 0.1), slices(STACK, (1, 2))),
    Case("PositiveSemidefinite", ci.PositiveSemidefinite, S, definite_distance(0.0),
         definite_sample(S, 0.0), whole(S), is_inside=definite_inside(0.0)),
    Case("PositiveSemidefinite_stack", lambda: ci.PositiveSemidefinite(0.1), STACK,
         definite_distance(0.1), definite_sample(STACK, 0.1), slices(STACK, (1, 2)),
         is_inside=definite_inside(0.1)),
    Case("PositiveSemidefinite_rank", lambda: ci.PositiveSemidefinite(rank=2), S,
         thin_distance(2), thin_sample, whole(S), convex=False, is_inside=thin_inside(2)),
    Case("Correlation", ci.Correlation, S, None, correlation_sample(S), whole(S), accuracy=1e-5,
         is_inside=is_correlation),
    Case("Correlation_stack", ci.Correlation, STACK, None, correlation_sample(STACK),
         slices(STACK, (1, 2)), accuracy=1e-5, is_inside=is_correlation),
    Case("SkewSymmetric", ci.SkewSymmetric, S, skew_distance, skew_sample, whole(S),
         is_inside=lambda w, dtype: np.array_equal(w, -w.T)),
]  # fmt: skip
