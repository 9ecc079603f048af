"""Rows of Cholesky factors."""

import numpy as np
from cases_structure import SUPPORT, by_place
from kinds import Bounds, Case, M, S, corner_direction, slack, slices

import constrainit as ci

STACK = (2, 3, 3)
FACTOR = {**SUPPORT, 2: Bounds(0.25)}


def places(rows, columns):
    """Zero above the diagonal, two on it, one below."""
    return np.tri(rows, columns) + np.eye(rows, columns)


def by_angle(row, count, minimum):
    """How far the first `count` entries are from the members: by the angle that they make."""
    side, height = np.linalg.norm(row[: count - 1]), row[count - 1]
    least = np.arcsin(minimum) if count > 1 else np.pi / 2
    angle = np.clip(np.arctan2(height, side), least, np.pi / 2)
    above = np.linalg.norm(row[count:])
    return np.linalg.norm([side - np.cos(angle), height - np.sin(angle), above])


def row_of(rng, size, index, minimum):
    """A row: at the minimum, at the pole or between them."""
    row = np.zeros(size)
    height = 1.0 if index == 0 else rng.choice([minimum, 1.0, rng.uniform(minimum, 1.0)])
    row[index] = height
    if index:
        way = corner_direction(rng, index)
        row[:index] = way / np.linalg.norm(way) * np.sqrt(1.0 - height**2)
    return row


def correlated(name, make, shape, minimum):
    """A row of factors of correlations."""
    size = shape[-1]

    def distance(w, dtype):
        rows = w.reshape(-1, size)
        return np.asarray([by_angle(row, i % size + 1, minimum) for i, row in enumerate(rows)])

    def sample(rng):
        count = int(np.prod(shape[:-1]))
        return np.stack([row_of(rng, size, i % size, minimum) for i in range(count)]).reshape(shape)

    def is_inside(w, dtype):
        clear = not w[..., np.triu_indices(size, 1)[0], np.triu_indices(size, 1)[1]].any()
        high = (np.diagonal(w, axis1=-2, axis2=-1) >= minimum).all()
        loose = np.asarray([slack(row, dtype) for row in w.reshape(-1, size)])
        return bool(clear and high and (distance(w, dtype) <= loose).all())

    groups = slices(shape, (len(shape) - 1,))
    return Case(name, make, shape, distance, sample, groups, convex=False, is_inside=is_inside)


ROWS = [
    by_place("CholeskyFactor", lambda: ci.CholeskyFactor(0.25), M, FACTOR, places(6, 4)),
    by_place("CholeskyFactor_stack", lambda: ci.CholeskyFactor(2**-10), STACK,
             {**SUPPORT, 2: Bounds(2**-10)}, places(3, 3)),
    correlated("CorrelationCholesky", lambda: ci.CorrelationCholesky(2**-13), S, 2**-13),
    correlated("CorrelationCholesky_stack", lambda: ci.CorrelationCholesky(0.125), STACK, 0.125),
]  # fmt: skip
