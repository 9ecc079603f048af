"""Rows of the sets of norms, sums and orders."""

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np
import scipy.optimize
from kinds import (
    FIRST,
    C,
    Case,
    M,
    Probability,
    S,
    Sum,
    V,
    bounds,
    by_unit,
    corner_direction,
    glorot,
    permutations,
    slack,
    slices,
    whole,
)

import constrainit as ci


@dataclasses.dataclass(frozen=True)
class Diamond:
    """`sum(|v|) <= radius`."""

    radius: float

    def distance(self, v, dtype):
        if np.abs(v).sum() <= self.radius:
            return 0.0
        return Probability(self.radius).distance(np.abs(v), dtype)

    def sample(self, rng, k):
        size = Probability(self.radius).sample(rng, k) * rng.choice([1.0, rng.uniform()])
        return size * rng.choice([-1.0, 1.0], k)


@dataclasses.dataclass(frozen=True)
class Edges:
    """`sum(|v|) = radius`."""

    radius: float

    def distance(self, v, dtype):
        return Probability(self.radius).distance(np.abs(v), dtype)

    def sample(self, rng, k):
        return Probability(self.radius).sample(rng, k) * rng.choice([-1.0, 1.0], k)


def of_groups(name, make, shape, groups, radius, positive=False, **facts):
    """A row whose norms of groups sum to at most `radius`."""
    labels = [groups == g for g in np.unique(groups)]

    def distance(w, dtype):
        part = np.maximum(w, 0.0) if positive else w
        norms = np.asarray([np.linalg.norm(part[at]) for at in labels])
        return np.asarray(
            [np.hypot(Diamond(radius).distance(norms, dtype), np.linalg.norm(w - part))]
        )

    def sample(rng):
        w = np.empty(shape)
        for at, norm in zip(labels, Diamond(radius).sample(rng, len(labels)), strict=True):
            direction = corner_direction(rng, int(at.sum()))
            w[at] = norm * direction / np.linalg.norm(direction)
        return abs(w) if positive else w

    return Case(name, make, shape, distance, sample, whole(shape), **facts)


@dataclasses.dataclass(frozen=True)
class Side:
    """`normal @ v <= bound`."""

    normal: tuple[float, ...]
    bound: float

    def distance(self, v, dtype):
        normal = np.asarray(self.normal)
        return max(normal @ v - self.bound, 0.0) / np.linalg.norm(normal)

    def sample(self, rng, k):
        normal = np.asarray(self.normal)
        v = corner_direction(rng, k) * rng.choice([1e-2, 1.0, 30.0])
        excess = normal @ v - self.bound
        return v - normal * max(excess, excess * rng.integers(2)) / (normal @ normal)


@dataclasses.dataclass(frozen=True)
class Flat:
    """`matrix @ v = values`."""

    matrix: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]

    def nearest(self, v):
        matrix = np.asarray(self.matrix)
        return v - np.linalg.pinv(matrix) @ (matrix @ v - np.asarray(self.values))

    def distance(self, v, dtype):
        return np.linalg.norm(v - self.nearest(v))

    def sample(self, rng, k):
        v = self.nearest(corner_direction(rng, k) * rng.choice([1e-2, 1.0, 30.0]))
        return self.nearest(v)


@dataclasses.dataclass(frozen=True)
class Faces:
    """`matrix @ v <= bounds`."""

    matrix: Any
    bounds: Any

    def nearest(self, v):
        matrix = np.asarray(self.matrix, float)
        left = np.asarray(self.bounds) - matrix @ v
        if (left >= 0).all():
            return v
        # The step as a problem of least distance, which SciPy's least squares solve.
        unit = np.abs(left).max()
        columns = -np.vstack([matrix.T, left / unit])
        aim = np.eye(len(columns))[-1]
        rest = aim - columns @ scipy.optimize.nnls(columns, aim, maxiter=1000)[0]
        return v - rest[:-1] / rest[-1] * unit

    def distance(self, v, dtype):
        return np.linalg.norm(v - self.nearest(v))

    def sample(self, rng, k):
        v = self.nearest(corner_direction(rng, k) * rng.choice([1e-2, 1.0, 30.0]))
        v = self.nearest(self.nearest(v))
        # A rounding of zero is not in a cone that has its corner there.
        return np.where(abs(v) < 1e-12, 0.0, v)


@dataclasses.dataclass(frozen=True)
class Ascending:
    """`v[k + 1] - v[k] >= gap`, times `sign`."""

    gap: float = 0.0
    sign: float = 1.0

    def distance(self, v, dtype):
        steps = self.gap * np.arange(v.size)
        return np.linalg.norm(v - self.sign * (minimum_of_maxima(self.sign * v - steps) + steps))

    def sample(self, rng, k):
        v = np.sort(corner_direction(rng, k)) * rng.choice([1e-2, 1.0, 30.0])
        return self.sign * (v + self.gap * np.arange(k))


def minimum_of_maxima(v):
    """Isotonic regression by its definition: the least of the largest means of stretches."""
    n, sums = v.size, np.concatenate([[0.0], np.cumsum(v - v.mean())])
    mean = np.array([[(sums[j + 1] - sums[i]) / max(j + 1 - i, 1) for j in range(n)]
                     for i in range(n)])  # fmt: skip
    return v.mean() + np.array(
        [max(min(mean[i, j] for j in range(k, n)) for i in range(k + 1)) for k in range(n)]
    )


@dataclasses.dataclass(frozen=True)
class Bowl:
    """Second differences of one sign."""

    sign: float = 1.0

    def distance(self, v, dtype):
        if v.size < 3:
            return 0.0
        peak = np.abs(v).max() or 1.0
        lines = [fit @ (self.sign * v / peak) for fit in broken_lines(v.size)]
        nearest = [np.linalg.norm(self.sign * v / peak - one) for one in lines
                   if (np.diff(one, n=2) >= -1e-13).all()]  # fmt: skip
        return peak * min(nearest)

    def sample(self, rng, k):
        bends = rng.exponential(size=k) * rng.integers(0, 2, size=k)
        line = rng.normal() * rng.integers(2) + rng.normal() * rng.integers(2) * np.arange(k)
        return self.sign * (bends.cumsum().cumsum() + line) * rng.choice([1e-2, 1.0, 30.0])


@functools.cache
def broken_lines(size):
    """The matrix that fits a broken line, for each choice of the places where it bends."""
    place = np.arange(size)
    chosen = itertools.product([False, True], repeat=size - 2)
    bases = [
        np.stack(
            [place**0, place, *(np.maximum(place - k, 0) for k in place[1:-1][list(which)])], 1
        )
        for which in chosen
    ]
    return [basis @ np.linalg.pinv(basis) for basis in bases]


def is_plan(w, dtype, rows=1.0, columns=1.0):
    """Non-negative; the distance from the sums, as far as it is along rows and columns."""
    if (w < 0).any():
        return False
    n, m = w.shape[-2:]
    row, column = w.sum(-1) - rows, w.sum(-2) - columns
    far = np.sqrt((row**2).sum(-1) / m + (column**2).sum(-1) / n)
    loose = [2 * slack(one, dtype) for one in w.reshape(-1, n, m)]
    return bool((np.ravel(far) <= loose).all())


def plans(rng, rows, columns):
    """A mixture of corners: rows and columns in some order, each filled up as far as it goes."""
    w = np.zeros((len(rows), len(columns)))
    for share in rng.dirichlet(np.ones(3) * rng.choice([0.1, 1.0])):
        row, column = share * np.asarray(rows), share * np.asarray(columns)
        for i in rng.permutation(len(rows)):
            for j in rng.permutation(len(columns)):
                taken = min(row[i], column[j])
                w[i, j], row[i], column[j] = w[i, j] + taken, row[i] - taken, column[j] - taken
    return w


def ordered(kind, groups):
    """The order itself to the bit, a gap within the tolerance."""

    def is_inside(w, dtype):
        units = [w[groups == g] for g in np.unique(groups)]
        return all(
            (kind.sign * np.diff(v) >= 0).all() and kind.distance(v, dtype) <= slack(v, dtype)
            for v in units
        )

    return is_inside


NORMAL = [1.0, -2.0, 0.5, 0.0, 3.0, 1.0]
# The third says what the others do.
EQUATIONS = ((1.0, -2.0, 0.5, 0.0, 3.0, 1.0), (0.0, 1.0, 1.0, 0.0, 0.0, -1.0),
             (1.0, -1.0, 1.5, 0.0, 3.0, 0.0))  # fmt: skip
VALUES = (1.5, 0.5, 2.0)
SENT, TAKEN = [2.0, 0.5, 1.0, 4.0, 0.25, 0.25], [0.75, 0.25, 3.0, 4.0]
# One weight above another, a third above both together, and signs.
DOMINANCE = ((-1, 1, 0, 0, 0, 0), (0, -1, 0, 0, 0, 0), (1, 1, -1, 0, 0, 0), (0, 0, 0, 1, 1, 0))
# A box that is cut off at three corners; the last row says what the one before does.
CUT = np.vstack(
    [np.eye(4), -np.eye(4), [[1, 1, 1, 1], [2, -1, 0, -1], [-1, 1, -1, 1], [-2, 2, -2, 2]]]
)
CUTS = (*[1.0] * 4, *[0.5] * 4, 1.5, 1.0, 0.75, 1.5)
# The range of a sum, a sign, and two weights together; a direction is free.
RANGE = ((1, 1, 0, 0, 0, 0), (-1, -1, 0, 0, 0, 0), (0, 0, -1, 0, 0, 0), (0, 1, -1, 1, 0, 0))
# An equation, and below it two inequalities.
PINNED = ((1, 1, 1, 1, 1), (-1, -1, -1, -1, -1), (1, 0, 0, 0, 0), (0, 1, -1, 0, 0))
DOWN, ROWS_OF_M = Ascending(0.25, -1.0), slices(M, (1,))

ROWS = [
    by_unit("L1Ball", lambda: ci.L1Ball(1.5), M, Diamond(1.5), FIRST),
    by_unit("L1Ball_loose", lambda: ci.L1Ball(99.0, axis=0), M, Diamond(99.0), FIRST,
            variance=glorot),
    of_groups("GroupL1Ball", lambda: ci.GroupL1Ball(1.5), M, FIRST, 1.5),
    of_groups("GroupL1Ball_inputs", lambda: ci.GroupL1Ball(2.5, axis=-1), M, slices(M, (1,)), 2.5),
    of_groups("GroupL1Ball_conv", lambda: ci.GroupL1Ball(0.5, axis=[0, 1]), C, slices(C, (0, 1)),
              0.5),
    of_groups("GroupL1Ball_loose", lambda: ci.GroupL1Ball(1e3), M, FIRST, 1e3, variance=glorot),
    by_unit("L1Sphere", lambda: ci.L1Sphere(1.5), M, Edges(1.5), FIRST, convex=False),
    bounds("MaxAbs", lambda: ci.MaxAbs(0.3), M, -0.3, 0.3),
    by_unit("ZeroMean", ci.ZeroMean, M, Sum(0.0), FIRST, variance=glorot),
    by_unit("Halfspace", lambda: ci.Halfspace(None, 0.0, axis=-1), M, Side((1.0,) * 4, 0.0),
            slices(M, (1,))),
    by_unit("Halfspace_normal", lambda: ci.Halfspace(NORMAL, 0.7), M, Side(tuple(NORMAL), 0.7),
            FIRST),
    by_unit("Halfspace_below", lambda: ci.Halfspace([1, 1, -1, 2, 0.0], -2), V,
            Side((1.0, 1.0, -1.0, 2.0, 0.0), -2.0), whole(V)),
    by_unit("Affine", lambda: ci.Affine(EQUATIONS, VALUES), M, Flat(EQUATIONS, VALUES), FIRST),
    by_unit("Affine_rows", lambda: ci.Affine([1, 0, 2, -1], axis=1), M,
            Flat(((1.0, 0.0, 2.0, -1.0),), (0.0,)), slices(M, (1,))),
    by_unit("Affine_vector", lambda: ci.Affine([[1, 1, 1, 1, 1], [1e3, 0, 0, 0, -1e3]], [1, 10]), V,
            Flat(((1.0,) * 5, (1.0, 0, 0, 0, -1.0)), (1.0, 0.01)), whole(V)),
    by_unit("Polyhedron", lambda: ci.Polyhedron(DOMINANCE), M, Faces(DOMINANCE, [0.0] * 4), FIRST,
            accuracy=1e-6),
    by_unit("Polyhedron_bounded", lambda: ci.Polyhedron(CUT, CUTS, axis=-1), M, Faces(CUT, CUTS),
            slices(M, (1,)), accuracy=1e-6),
    by_unit("Polyhedron_pinned", lambda: ci.Polyhedron(PINNED, [2.0, -2.0, 0.25, 0.0]), V,
            Faces(PINNED, [2.0, -2.0, 0.25, 0.0]), whole(V), accuracy=1e-6),
    by_unit("Polyhedron_away", lambda: ci.Polyhedron([[-1, 0, 0, -1], [0, 1, 1, 0]], -3, axis=1), M,
            Faces(((-1, 0, 0, -1), (0, 1, 1, 0)), (-3.0, -3.0)), slices(M, (1,)), accuracy=1e-6),
    by_unit("Polyhedron_range", lambda: ci.Polyhedron(RANGE, [1, 1, 0, 0.5]), M,
            Faces(RANGE, [1.0, 1.0, 0.0, 0.5]), FIRST, accuracy=1e-6),
    by_unit("RowStochastic", ci.RowStochastic, M, Probability(1.0), slices(M, (1,)),
            bounded_below=0.0),
    by_unit("ColumnStochastic", ci.ColumnStochastic, M, Probability(1.0), FIRST,
            bounded_below=0.0),
    Case("DoublyStochastic", ci.DoublyStochastic, S, None, lambda rng: permutations(rng, 4),
         whole(S), accuracy=1e-5, bounded_below=0.0, is_inside=is_plan),
    Case("DoublyStochastic_stack", ci.DoublyStochastic, (2, 3, 3), None,
         lambda rng: np.stack([permutations(rng, 3), permutations(rng, 3)]),
         slices((2, 3, 3), (1, 2)), accuracy=1e-5, bounded_below=0.0,
         is_inside=is_plan),
    Case("Transport", lambda: ci.Transport(SENT, TAKEN), M, None,
         lambda rng: plans(rng, SENT, TAKEN), whole(M), accuracy=1e-5, bounded_below=0.0,
         is_inside=lambda w, d: is_plan(w, d, SENT, TAKEN)),
    by_unit("Monotone", ci.Monotone, M, Ascending(), FIRST, is_inside=ordered(Ascending(), FIRST)),
    by_unit("Monotone_gap", lambda: ci.Monotone("decreasing", 0.25, axis=-1), M, DOWN, ROWS_OF_M,
            is_inside=ordered(DOWN, ROWS_OF_M)),
    by_unit("Convex", ci.Convex, M, Bowl(), FIRST),
    by_unit("Concave", lambda: ci.Concave(axis=1), M, Bowl(-1.0), ROWS_OF_M),
]  # fmt: skip
