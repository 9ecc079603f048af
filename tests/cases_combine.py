"""Rows of the sets of combinators."""

import dataclasses

import numpy as np
from kinds import Bounds, Case, G, M, Probability, Shell, bounds, entries, slices

import constrainit as ci


@dataclasses.dataclass(frozen=True)
class Free:
    """Any vector."""

    def distance(self, v, dtype):
        return 0.0

    def sample(self, rng, k):
        return rng.normal(size=k) * rng.choice([0.0, 1e-3, 1.0, 1e3], size=k)


def product(name, make, shape, axis, parts, **facts):
    """A row whose blocks along an axis differ: the size, the kind and the units of each."""
    groups, kinds = np.empty(shape, int), []
    ends = np.cumsum([size for size, _, _ in parts])[:-1]
    for block, (_, kind, units) in zip(np.split(groups, ends, axis), parts, strict=True):
        numbers = np.unique(units(block.shape), return_inverse=True)[1].reshape(block.shape)
        block[...] = len(kinds) + numbers
        kinds += [kind] * (numbers.max() + 1)

    def distance(w, dtype):
        return np.asarray([kind.distance(w[groups == g], dtype) for g, kind in enumerate(kinds)])

    def sample(rng):
        w = np.empty(shape)
        for g, kind in enumerate(kinds):
            w[groups == g] = kind.sample(rng, int((groups == g).sum()))
        return w

    return Case(name, make, shape, distance, sample, groups, **facts)


def columns(shape):
    return slices(shape, (0,))


def rows(shape):
    return slices(shape, (1,))


def rank_two_distance(w, dtype):
    values = [np.linalg.svd(part, compute_uv=False) for part in np.split(w, 3, axis=1)]
    return np.asarray([np.linalg.norm(s[2:]) for s in values])


def rank_two_sample(rng):
    pairs = [(rng.integers(-2, 3, size=(4, 2)), rng.normal(size=(2, 4))) for _ in range(3)]
    return np.concatenate([left @ right for left, right in pairs], axis=1)


ROWS = [
    Case("Blocks_LowRank", lambda: ci.Blocks(ci.LowRank(2), 3), G, rank_two_distance,
         rank_two_sample, np.broadcast_to(np.arange(12) // 4, G), convex=False),
    product("Product_inputs", lambda: ci.Product([ci.Box(0.25, 1), None, ci.MaxNorm(0.5, axis=0)],
                                                 [1, 2, 3], axis=0), M, 0,
            [(1, Bounds(0.25, 1.0), entries), (2, Free(), entries), (3, Shell(0, 0.5), columns)]),
    product("Product_equal", lambda: ci.Product(
        [ci.UnitNorm(axis=0), ci.Simplex(2.0, axis=1), None]), G, 1,
            [(4, Shell(1, 1), columns), (4, Probability(2.0), rows), (4, Free(), entries)],
            convex=False),
    bounds("Relaxed", lambda: ci.Relaxed(ci.Box(-0.1, 0.3), 1.0), M, -0.1, 0.3),
    bounds("Braked", lambda: ci.Braked(ci.Box(-0.1, 0.3)), M, -0.1, 0.3),
    bounds("Every", lambda: ci.Every(ci.Box(-0.1, 0.3), 3), M, -0.1, 0.3),
]  # fmt: skip
