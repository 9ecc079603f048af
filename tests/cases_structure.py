"""Rows of the sets of patterns, grids and structured matrices."""

import dataclasses
import math

import numpy as np
from conftest import as_stored
from kinds import (
    FIRST,
    Bounds,
    C,
    Case,
    M,
    S,
    V,
    by_unit,
    corner_direction,
    entries,
    glorot,
    slices,
)

import constrainit as ci

# Entries by place


def by_place(name, make, shape, kinds, places, **facts):
    """A row whose entries are each of the kind that `places` numbers."""
    places = np.broadcast_to(np.asarray(places), shape)

    def distance(w, dtype):
        pairs = zip(w.ravel(), places.ravel(), strict=True)
        return np.asarray([kinds[p].distance(np.asarray([v]), dtype) for v, p in pairs])

    def sample(rng):
        w = np.empty(shape)
        for number, kind in kinds.items():
            w[places == number] = kind.sample(rng, int((places == number).sum()))
        return w

    return Case(name, make, shape, distance, sample, entries(shape), elementwise=True, **facts)


SIGNS = {1: Bounds(0.0), -1: Bounds(high=0.0), 0: Bounds()}
BY_ROW = [1, -1, 0, 1, -1, -1]
BY_ENTRY = [[1, -1, 0, -1], [0, 0, 1, -1], [1, 1, 0, -1], [-1, 1, 0, -1], [1, 0, 0, -1],
            [0, -1, 1, -1]]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Value:
    """One number, as the storage dtype holds it."""

    value: float

    def distance(self, v, dtype):
        return np.abs(v - as_stored(self.value, dtype)).max()

    def sample(self, rng, k):
        return np.full(k, self.value)


SUPPORT = {1: Bounds(), 0: Value(0.0)}
PLACES = np.arange(4) - np.arange(6)[:, None]
HELD = np.array(BY_ENTRY) == -1

LIMITS = {0: Bounds(), 1: Bounds(0.0), 2: Bounds(high=-0.75), 3: Bounds(-0.125, 0.375)}
LIMITED = np.array([[0, 1, 2, 3], [3, 3, 1, 0], [1, 1, 0, 3], [2, 3, 2, 1], [0, 0, 3, 3],
                    [1, 2, 0, 1]])  # fmt: skip
LOWER = np.array([-np.inf, 0.0, -np.inf, -0.125])
UPPER = np.array([np.inf, np.inf, -0.75, 0.375])


# Grids


@dataclasses.dataclass(frozen=True)
class Points:
    """A grid's points, each as the storage dtype holds it."""

    step: float
    low: int = -2000
    high: int = 2000
    shift: float = 0.0

    def distance(self, v, dtype):
        near = np.clip(np.round(v / self.step - self.shift), self.low, self.high)
        near = np.stack([near - 1, near, near + 1]).clip(self.low, self.high)
        gap = np.abs(v - as_stored(self.step * (near + self.shift), dtype)).min(axis=0)
        # What float32 can not hold leaves the rounding of the arithmetic.
        unit = 2.0**-52 if dtype == "float64" else 2.0**-23
        loose = 0.0 if float(np.float32(self.step)) == self.step else 4 * unit
        return np.where(gap <= loose * np.abs(v), 0.0, gap).max()

    def sample(self, rng, k):
        index = rng.integers(self.low, self.high + 1, size=k).clip(-30, 30)
        return (index + self.shift) * self.step


@dataclasses.dataclass(frozen=True)
class Lattice(Points):
    """A grid without bounds: beyond 2^mantissa steps every number counts."""

    def distance(self, v, dtype):
        mantissa = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}[dtype]
        near = np.abs(v) < 2.0**mantissa * self.step
        wide = dataclasses.replace(self, low=-(2**53), high=2**53)
        return Points.distance(wide, v, dtype) if near.any() else 0.0


def grid(name, make, shape, kind):
    return by_unit(name, make, shape, kind, entries(shape), convex=False, elementwise=True)


# Equal diagonals


def equal(name, make, shape, places):
    """A row of matrices whose entries of the same place are equal, to the bit."""
    labels = np.unique(places)

    def distance(w, dtype):
        parts = [w[..., places == p] for p in labels]
        moved = [np.square(p - p.mean(axis=-1, keepdims=True)).sum(axis=-1) for p in parts]
        return np.sqrt(sum(moved)).ravel()

    def sample(rng):
        lead = shape[:-2]
        values = np.stack([corner_direction(rng, len(labels)) for _ in range(math.prod(lead))])
        return values[:, np.searchsorted(labels, places)].reshape(shape)

    def is_inside(w, dtype):
        return all(np.ptp(w[..., places == p], axis=-1).max() == 0 for p in labels)

    groups = slices(shape, tuple(range(len(shape))[-2:]))
    return Case(name, make, shape, distance, sample, groups, is_inside=is_inside)


# Few that are not zero


@dataclasses.dataclass(frozen=True)
class Few:
    """At most `keep` of each `group` entries are not zero."""

    keep: int
    group: int | None = None

    def _sizes(self, v):
        return np.sort(np.abs(v).reshape(-1, self.group or v.size), axis=1)[:, ::-1]

    def distance(self, v, dtype):
        return np.linalg.norm(self._sizes(v)[:, self.keep :])

    def sample(self, rng, k):
        v = corner_direction(rng, k).reshape(-1, self.group or k)
        return np.concatenate([row * (rng.permutation(row.size) < self.keep) for row in v])


def few(name, make, shape, kind, groups, **facts):
    row = by_unit(name, make, shape, kind, groups, convex=False, **facts)

    def is_inside(w, dtype):
        return not row.distance(w, dtype).any()

    return dataclasses.replace(row, is_inside=is_inside)


ROWS = [
    by_place("Sign", lambda: ci.Sign(BY_ROW), M, SIGNS, np.array(BY_ROW)[:, None]),
    by_place("Sign_entries", lambda: ci.Sign(np.array(BY_ENTRY)), M, SIGNS, BY_ENTRY),
    by_place("Fixed", lambda: ci.Fixed(HELD, 0.3), M, {1: Value(0.3), 0: Bounds()}, HELD),
    by_place("Fixed_vector", lambda: ci.Fixed([1, 0, 0, 1, 0], [-1, 7, 7, 1 / 3, 7]), V,
             {0: Value(-1.0), 1: Bounds(), 2: Value(1 / 3)}, [0, 1, 1, 2, 1]),
    by_place("Box_each", lambda: ci.Box(LOWER[LIMITED], UPPER[LIMITED]), M, LIMITS, LIMITED),
    by_place("Box_units", lambda: ci.Box(-0.125, [0.375, None, 0.5, 2.0]), C,
             {i: Bounds(-0.125, h) for i, h in enumerate([0.375, np.inf, 0.5, 2.0])}, range(4)),
    grid("Grid", lambda: ci.Grid(1), M, Lattice(1.0)),
    grid("Grid_ternary", lambda: ci.Grid(1, -1, 1), M, Points(1.0, -1, 1)),
    grid("Grid_tenths", lambda: ci.Grid(0.3, -0.15, 0.5), M, Points(0.3, -1, 1, 0.5)),
    by_place("Triangular", ci.Triangular, M, SUPPORT, PLACES <= 0, variance=glorot),
    by_place("Triangular_upper", lambda: ci.Triangular(lower=False), S, SUPPORT, PLACES[:4] >= 0),
    by_place("Diagonal", ci.Diagonal, M, SUPPORT, PLACES == 0),
    by_place("Banded", lambda: ci.Banded(2, 1), M, SUPPORT, (PLACES >= -2) & (PLACES <= 1)),
    equal("Toeplitz", ci.Toeplitz, M, PLACES),
    equal("Toeplitz_stack", ci.Toeplitz, (2, 3, 4), PLACES[:3]),
    equal("Circulant", ci.Circulant, S, PLACES[:4] % 4),
    few("TopK", lambda: ci.TopK(2), M, Few(2), FIRST, variance=glorot),
    few("TopK_conv", lambda: ci.TopK(5, axis=[0, 1, 2]), C, Few(5), slices(C, (0, 1, 2))),
    few("Sparse", lambda: ci.Sparse(1, 3), M, Few(1, 3), FIRST),
    few("Sparse_rows", lambda: ci.Sparse(2, 4, axis=1), M, Few(2, 4), slices(M, (1,))),
]  # fmt: skip
