"""One row per set: what is true of it, in NumPy, sharing no code with the library.

A weight is cut into groups, the units that the set speaks of; a kind says of the vector of one
group how far it is from the set and gives members, corners included.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from conftest import as_stored

import constrainit as ci

DTYPES = ("float32", "bfloat16", "float16", "float64")

# As documented in `_precision.py`: roundings of the storage plus sixteen of the arithmetic.
TOLERANCE = {
    "float64": 2.0**-53 + 16 * 2.0**-52,
    "float32": 2.0**-24 + 16 * 2.0**-23,
    "float16": 2.0**-11 + 16 * 2.0**-23,
    "bfloat16": 2.0**-8 + 16 * 2.0**-23,
}
TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}


def slack(v, dtype):
    """How far a unit may be from a set and still count as inside."""
    return TOLERANCE[dtype] * (np.linalg.norm(v.ravel()) + math.sqrt(v.size) * TINY[dtype])


def slices(shape, axes):
    """For each entry the number of its unit: entries that differ along `axes` only share one."""
    kept = [1 if a in axes else n for a, n in enumerate(shape)]
    return np.broadcast_to(np.arange(math.prod(kept)).reshape(kept), shape).copy()


def entries(shape):
    """Each entry is a unit by itself."""
    return np.arange(math.prod(shape)).reshape(shape)


def whole(shape):
    """All entries are one unit."""
    return np.zeros(shape, int)


# Kinds: `distance(v, dtype)` of one unit's vector from the set, and `sample(rng, k)`, a member.


@dataclasses.dataclass(frozen=True)
class Bounds:
    """`low <= v <= high`; a bound counts as the storage dtype rounds it."""

    low: float = -math.inf
    high: float = math.inf

    def distance(self, v, dtype):
        low, high = as_stored(self.low, dtype), as_stored(self.high, dtype)
        return np.abs(v - np.clip(v, low, high)).max()

    def sample(self, rng, k):
        low = self.low if math.isfinite(self.low) else min(self.high, 0.0) - 3.0
        high = self.high if math.isfinite(self.high) else max(self.low, 0.0) + 3.0
        far = [low - 1e3 * (self.low == -math.inf), high + 1e3 * (self.high == math.inf)]
        zero = min(max(0.0, low), high)
        choices = [rng.uniform(low, high, k), *(np.full(k, c) for c in (low, high, zero, *far))]
        return np.choose(rng.integers(len(choices), size=k), choices)


@dataclasses.dataclass(frozen=True)
class Shell:
    """`low <= norm <= high`."""

    low: float
    high: float

    def distance(self, v, dtype):
        norm = np.linalg.norm(v)
        return max(self.low - norm, norm - self.high, 0.0)

    def sample(self, rng, k):
        v = corner_direction(rng, k)
        size = rng.choice([self.low, self.high, rng.uniform(self.low, self.high)])
        return size * v / np.linalg.norm(v)


@dataclasses.dataclass(frozen=True)
class ConeShell:
    """`v >= 0` and `low <= norm <= high`."""

    low: float
    high: float

    def distance(self, v, dtype):
        part = np.maximum(v, 0.0)
        norm = np.linalg.norm(part)
        if norm == 0 and self.low > 0:
            part = self.low * np.eye(v.size)[np.argmax(v)]
            norm = self.low
        target = part * (min(max(norm, self.low), self.high) / norm if norm else 0.0)
        return np.linalg.norm(v - target)

    def sample(self, rng, k):
        return np.abs(Shell(self.low, self.high).sample(rng, k))


@dataclasses.dataclass(frozen=True)
class Sum:
    """`sum(v) = total`."""

    total: float

    def distance(self, v, dtype):
        return abs(math.fsum(v) - self.total) / math.sqrt(v.size)

    def sample(self, rng, k):
        v = corner_direction(rng, k) * rng.choice([1e-3, 1.0, 30.0])
        return v - (v.sum() - self.total) / k


@dataclasses.dataclass(frozen=True)
class Probability:
    """`v >= 0` and `sum(v) = total`."""

    total: float

    def distance(self, v, dtype):
        # The threshold by sorting: the largest support whose weights stay positive.
        down = np.sort(v - v.max())[::-1]
        thresholds = (np.cumsum(down) - self.total) / np.arange(1, v.size + 1)
        threshold = thresholds[np.nonzero(down > thresholds)[0][-1]]
        return np.linalg.norm(v - np.maximum(v - v.max() - threshold, 0.0))

    def sample(self, rng, k):
        match rng.integers(4):
            case 0:
                v = np.eye(k)[rng.integers(k)]
            case 1:
                v = np.full(k, 1.0)
            case 2:
                v = rng.dirichlet(np.full(k, 0.2)).round(6) + np.eye(k)[0] * 1e-6
            case _:
                v = rng.dirichlet(np.ones(k))
        return self.total * v / v.sum()


def corner_direction(rng, k):
    """A vector that is dense, even, sparse, with ties, or along one axis."""
    match rng.integers(5):
        case 0:
            return np.eye(k)[rng.integers(k)] * rng.choice([-1.0, 1.0])
        case 1:
            return np.full(k, 1.0)
        case 2:
            v = rng.normal(size=k) * rng.integers(0, 2, size=k)
            return v if v.any() else np.eye(k)[0]
        case 3:
            return rng.choice([-1.0, 1.0], size=k)
        case _:
            return rng.normal(size=k)


@dataclasses.dataclass(frozen=True)
class Case:
    """What is known of a set on weights of one shape.

    Args:
        name: What the tests are called.
        make: Gives the set.
        shape: Shape of the weights.
        distance: How far a unit of a weight is from the set, one number per group; None if no
            closed form is known.
        sample: A member, from a NumPy generator.
        groups: For each entry the unit that it belongs to.
        convex: Whether the variational inequality holds.
        accuracy: Relative accuracy that the set documents, where it is not exact.
        bounded_below: What no entry of any result may be below, by any tolerance.
        elementwise: Whether infinite weights have a nearest point.
        variance: What the draws have for variance on a given shape `(inputs, units)`; None where
            it follows from no simple rule.
    """

    name: str
    make: Callable[[], Any]
    shape: tuple[int, ...]
    distance: Callable[[Any, str], Any] | None
    sample: Callable[[Any], Any]
    groups: Any
    convex: bool = True
    accuracy: float = 0.0
    bounded_below: float = -math.inf
    elementwise: bool = False
    variance: Callable[[tuple[int, ...]], float] | None = None
    is_inside: Callable[[Any, str], bool] | None = None

    def is_member(self, w, dtype):
        """Whether `w`, as float64, is in the set, within the tolerance of `dtype`."""
        if not np.isfinite(w).all():
            return False
        if self.is_inside is not None:
            return self.is_inside(w, dtype)
        distances = self.distance(w, dtype)
        if self.elementwise:
            return bool(np.all(distances == 0))
        loose = [slack(w[self.groups == g], dtype) for g in np.unique(self.groups)]
        return bool(np.all(distances <= np.asarray(loose)))

    def per_unit(self, values):
        """Sums over each unit."""
        return np.bincount(self.groups.ravel(), weights=np.asarray(values, float).ravel())


def by_unit(name, make, shape, kind, groups, **facts):
    """A row whose units are vectors of one kind."""
    labels = np.unique(groups)

    def distance(w, dtype):
        return np.asarray([kind.distance(w[groups == g], dtype) for g in labels])

    def sample(rng):
        w = np.empty(shape)
        for g in labels:
            w[groups == g] = kind.sample(rng, int((groups == g).sum()))
        return w

    return Case(name, make, shape, distance, sample, groups, **facts)


def masked(name, make, shape, kind, groups, mask, **facts):
    """A row in which only the entries of a mask are used; kinds are vectors of those."""
    mask = np.broadcast_to(np.asarray(mask, bool), shape)
    labels = np.unique(groups)

    def distance(w, dtype):
        found = []
        for g in labels:
            used, unused = w[(groups == g) & mask], w[(groups == g) & ~mask]
            inner = kind.distance(used, dtype) if used.size else 0.0
            found.append(math.hypot(inner, np.linalg.norm(unused)))
        return np.asarray(found)

    def sample(rng):
        w = np.zeros(shape)
        for g in labels:
            here = (groups == g) & mask
            if here.any():
                w[here] = kind.sample(rng, int(here.sum()))
        return w

    def is_inside(w, dtype):
        loose = np.asarray([slack(w[groups == g], dtype) for g in labels])
        return bool((w[~mask] == 0).all() and (distance(w, dtype) <= loose).all())

    return Case(name, make, shape, distance, sample, groups, is_inside=is_inside, **facts)


# Matrices


def orthogonal(name, make, shape, rows, count=1, **facts):
    """A row of matrices with orthonormal columns, `count` of them side by side."""
    order = [*rows, *(a for a in range(len(shape)) if a not in rows)]
    height = math.prod(shape[a] for a in rows)

    def matrices(w):
        return np.split(np.transpose(w, order).reshape(height, -1), count, axis=1)

    def distance(w, dtype):
        found = [np.linalg.norm(np.linalg.svd(m, compute_uv=False) - 1.0) for m in matrices(w)]
        return np.asarray(found)

    def sample(rng):
        made = []
        for m in matrices(np.zeros(shape)):
            tall = max(m.shape), min(m.shape)
            if rng.integers(2):
                q = np.linalg.qr(rng.normal(size=tall))[0]
            else:
                q = np.eye(*tall)[rng.permutation(tall[0])] * rng.choice([-1.0, 1.0], tall[1])
            made.append(q if q.shape == m.shape else q.T)
        moved = np.hstack(made).reshape([shape[a] for a in order])
        return np.transpose(moved, np.argsort(order))

    width = math.prod(shape) // height // count
    flat = np.broadcast_to(np.repeat(np.arange(count), width), (height, count * width))
    groups = np.transpose(flat.reshape([shape[a] for a in order]), np.argsort(order))
    return Case(name, make, shape, distance, sample, groups, convex=False, **facts)


def symmetric_distance(w):
    return np.sqrt(np.sum(((w - np.swapaxes(w, -1, -2)) / 2) ** 2, axis=(-2, -1))).ravel()


def symmetric_sample(shape):
    def sample(rng):
        w = rng.normal(size=shape) * rng.integers(0, 2, size=shape)
        return np.triu(w) + np.swapaxes(np.triu(w, 1), -1, -2)

    return sample


def is_symmetric(w, dtype):
    return np.array_equal(w, np.swapaxes(w, -1, -2))


# Intersections that are approximate: membership is the loosest of all the parts.


def near(w, parts, dtype, accuracy=1e-5):
    """Whether each of `parts`, pairs of a value and what it should be, agrees."""
    loose = max(accuracy, TOLERANCE[dtype]) * 4 * max(np.abs(w).max(), TINY[dtype])
    return all(np.max(np.abs(np.asarray(a) - b)) <= loose * math.sqrt(w.size) for a, b in parts)


def permutations(rng, n):
    weights = rng.dirichlet(np.ones(4) * rng.choice([0.1, 1.0]))
    return sum(w * np.eye(n)[rng.permutation(n)] for w in weights)


def centred(rng, shape):
    w = rng.normal(size=shape) * rng.choice([1e-2, 1.0, 10.0])
    return w - w.mean(0) - w.mean(1, keepdims=True) + w.mean()


def is_capped(w, dtype):
    return Bounds(0.0, 0.4).distance(w, dtype) == 0


def capped_sum(rng, n):
    """A simplex vector of total one with no entry above 0.4: equal shares of three or more."""
    share = rng.dirichlet(np.ones(4))
    vertices = [np.isin(np.arange(n), rng.permutation(n)[:m]) / m for m in (3, 3, n, n - 1)]
    return sum(s * v for s, v in zip(share, vertices, strict=True))


# Sets from a function of the user's


@keras.saving.register_keras_serializable(package="tests")
def clipped(w):
    """A projection, written as a user would write it."""
    return keras.ops.clip(w, -0.5, 2.0)


@keras.saving.register_keras_serializable(package="tests")
class NoFirstInput(keras.constraints.Constraint):
    """The weights of the first input are zero, as a user's subclass."""

    def __call__(self, w):
        return keras.ops.concatenate([keras.ops.zeros_like(w[:1]), w[1:]], axis=0)


# What the initializers promise


def glorot(shape):
    """The variance of Keras' default kernel."""
    return 2.0 / sum(shape)


def inverse_inputs(shape):
    """One over the number of inputs."""
    return 1.0 / shape[0]


M, S, C, V, G = (6, 4), (4, 4), (3, 3, 2, 4), (5,), (4, 12)
FIRST = slices(M, (0,))
MASK = np.array(
    [[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [1, 0, 1, 0]]
)
SYMMETRIC_MASK = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0]]


def bounds(name, make, shape, low=-math.inf, high=math.inf, **facts):
    facts = {"elementwise": True, "bounded_below": low, **facts}
    return by_unit(name, make, shape, Bounds(low, high), entries(shape), **facts)


CASES = [
    # Bounds
    bounds("NonNegative", ci.NonNegative, M, 0.0),
    bounds("NonNegative_conv", ci.NonNegative, C, 0.0),
    bounds("Positive", ci.Positive, M, 1e-4),
    bounds("Positive_third", lambda: ci.Positive(1 / 3), V, 1 / 3),
    bounds("Box", lambda: ci.Box(-0.1, 0.3), M, -0.1, 0.3),
    bounds("Box_wide", lambda: ci.Box(-1.0, 1.0), M, -1.0, 1.0, variance=glorot),
    bounds("SelfStarting", lambda: ci.SelfStarting(ci.Box(0.25, 1), 1e30), M, 0.25, 1.0),
    bounds("Box_above", lambda: ci.Box(0.7), V, 0.7),
    bounds("Box_below", lambda: ci.Box(upper=-0.7), V, high=-0.7),
    # Norms
    by_unit("MaxNorm", lambda: ci.MaxNorm(1.5), M, Shell(0.0, 1.5), FIRST),
    by_unit("MaxNorm_loose", lambda: ci.MaxNorm(9.0, axis=0), M, Shell(0, 9), FIRST,
            variance=glorot),
    by_unit("MaxNorm_rows", lambda: ci.MaxNorm(0.3, axis=-1), M, Shell(0.0, 0.3), slices(M, (1,))),
    by_unit("UnitNorm", ci.UnitNorm, M, Shell(1, 1), FIRST, convex=False, variance=inverse_inputs),
    by_unit("UnitNorm_vector", ci.UnitNorm, V, Shell(1, 1), whole(V), convex=False),
    by_unit("UnitNorm_conv", lambda: ci.UnitNorm(axis=[0, 1, 2]), C, Shell(1, 1),
            slices(C, (0, 1, 2)), convex=False),
    by_unit("UnitNorm_transposed", lambda: ci.UnitNorm(axis=[0, 1, -1]), C, Shell(1, 1),
            slices(C, (0, 1, 3)), convex=False),
    by_unit("NormRange", lambda: ci.NormRange(0.5, 2.0), M, Shell(0.5, 2.0), FIRST, convex=False),
    by_unit("NormRange_ball", lambda: ci.NormRange(0, 2.0, axis=0), M, Shell(0.0, 2.0), FIRST),
    # Sums
    by_unit("Simplex", ci.Simplex, M, Probability(1.0), FIRST, bounded_below=0.0),
    by_unit("Simplex_rows", lambda: ci.Simplex(3.0, axis=1), M, Probability(3.0), slices(M, (1,)),
            bounded_below=0.0),
    by_unit("Simplex_conv", lambda: ci.Simplex(axis=[0, 1]), C, Probability(1.0),
            slices(C, (0, 1)), bounded_below=0.0),
    by_unit("Simplex_vector", lambda: ci.Simplex(0.1), V, Probability(0.1), whole(V),
            bounded_below=0.0),
    by_unit("SumTo", ci.SumTo, M, Sum(0.0), FIRST, variance=glorot),
    by_unit("SumTo_one", lambda: ci.SumTo(1.0, axis=-1), M, Sum(1.0), slices(M, (1,))),
    by_unit("SumTo_conv", lambda: ci.SumTo(-2.0), C, Sum(-2.0), slices(C, (0, 1, 2))),
    # Matrices
    orthogonal("Orthogonal", ci.Orthogonal, M, (0,), variance=lambda shape: 1.0 / max(shape)),
    orthogonal("Orthogonal_wide", lambda: ci.Orthogonal(axis=-1), M, (1,)),
    orthogonal("Orthogonal_conv", ci.Orthogonal, C, (0, 1, 2)),
    Case("Symmetric", ci.Symmetric, S, lambda w, dtype: symmetric_distance(w),
         symmetric_sample(S), whole(S), is_inside=is_symmetric, variance=glorot),
    Case("Symmetric_stack", ci.Symmetric, (2, 3, 3), lambda w, dtype: symmetric_distance(w),
         symmetric_sample((2, 3, 3)), slices((2, 3, 3), (1, 2)), is_inside=is_symmetric),
    # Blocks: the gates of an LSTM and of a GRU
    orthogonal("Blocks_Orthogonal", lambda: ci.Blocks(ci.Orthogonal(), 3), G, (0,), count=3),
    by_unit("Blocks_Simplex", lambda: ci.Blocks(ci.Simplex(axis=-1), 3), G, Probability(1.0),
            slices(G, (1,)) * 3 + np.arange(12) // 4, bounded_below=0.0),
    by_unit("Blocks_first_axis", lambda: ci.Blocks(ci.UnitNorm(axis=0), 2, axis=0), M, Shell(1, 1),
            FIRST + 4 * (np.arange(6)[:, None] // 3), convex=False),
    bounds("Blocks_Box", lambda: ci.Blocks(ci.Box(-1, 2), 2), M, -1.0, 2.0),
    # Masks
    masked("Masked_UnitNorm", lambda: ci.Masked(ci.UnitNorm(), MASK), M, Shell(1, 1), FIRST, MASK,
           convex=False),
    masked("Masked_MaxNorm", lambda: ci.Masked(ci.MaxNorm(0.5, axis=0), MASK), M, Shell(0, 0.5),
           FIRST, MASK),
    masked("Masked_Simplex", lambda: ci.Masked(ci.Simplex(2.0), MASK), M, Probability(2.0), FIRST,
           MASK, bounded_below=0.0),
    masked("Masked_SumTo", lambda: ci.Masked(ci.SumTo(1.0), [[1], [1], [0], [1], [0], [1]]), M,
           Sum(1.0), FIRST, [[1], [1], [0], [1], [0], [1]]),
    masked("Masked_Box", lambda: ci.Masked(ci.Box(0.25, 1.0), MASK.tolist()), M, Bounds(0.25, 1.0),
           entries(M), MASK),
    masked("Masked_NonNegative", lambda: ci.Masked(ci.NonNegative(), MASK > 0), M, Bounds(0.0),
           entries(M), MASK, bounded_below=0.0),
    # Intersections in one pass
    bounds("Intersection_bounds", lambda: ci.NonNegative() & ci.Box(-1.0, 0.1), M, 0.0, 0.1),
    by_unit("Intersection_sphere", lambda: ci.NonNegative() & ci.UnitNorm(), M, ConeShell(1, 1),
            FIRST, convex=False, bounded_below=0.0),
    by_unit("Intersection_ball", lambda: ci.MaxNorm(2.0, axis=1) & ci.NonNegative(), M,
            ConeShell(0.0, 2.0), slices(M, (1,)), bounded_below=0.0),
    by_unit("Intersection_shell", lambda: ci.NormRange(0.5, 2.0) & ci.NonNegative(), V,
            ConeShell(0.5, 2.0), whole(V), convex=False, bounded_below=0.0),
    # Intersections by Dykstra's algorithm
    Case("Intersection_birkhoff", lambda: ci.Simplex(axis=0) & ci.Simplex(axis=1), S, None,
         lambda rng: permutations(rng, 4), whole(S), accuracy=1e-5,
         is_inside=lambda w, d: near(w, [(w.sum(0), 1), (w.sum(1), 1), (np.minimum(w, 0), 0)], d)),
    Case("Intersection_centred", lambda: ci.SumTo(axis=0) & ci.SumTo(axis=1), M, None,
         lambda rng: centred(rng, M), whole(M), accuracy=1e-5,
         is_inside=lambda w, d: near(w, [(w.sum(0), 0), (w.sum(1), 0)], d)),
    Case("Intersection_capped", lambda: ci.Box(0.0, 0.4) & ci.SumTo(1.0), M, None,
         lambda rng: np.stack([capped_sum(rng, 6) for _ in range(4)], axis=1), FIRST,
         accuracy=1e-5, bounded_below=0.0,
         is_inside=lambda w, d: is_capped(w, d) and near(w, [(w.sum(0), 1)], d)),
    Case("Intersection_symmetric", lambda: ci.Symmetric() & ci.MaxNorm(1.0), S, None,
         lambda rng: (lambda w: w / max(1.0, np.linalg.norm(w, axis=0).max()))(
             symmetric_sample(S)(rng)), whole(S), accuracy=1e-5,
         is_inside=lambda w, d: near(w, [(w, w.T), (np.fmax(np.linalg.norm(w, axis=0), 1), 1)], d)),
    # A user's own
    by_unit("Custom", lambda: ci.Custom(clipped), M, Bounds(-0.5, 2.0), entries(M)),
    Case("Custom_class", lambda: ci.Custom(NoFirstInput()), M,
         lambda w, d: (abs(w) * (np.arange(6) == 0)[:, None]).ravel(),
         lambda rng: (np.arange(6) > 0)[:, None] * corner_direction(rng, 24).reshape(M),
         entries(M)),
]  # fmt: skip

BY_NAME = {case.name: case for case in CASES}
assert len(BY_NAME) == len(CASES)


# Weights that are hard to project


def hard_weights(shape, dtype, rng):
    """Named weights in float64 that `dtype` holds, each hard in another way."""
    big, huge = {"float16": (1e4, 2e4)}.get(dtype, (1e6, 1e20))
    base = rng.normal(size=shape)
    flat = np.zeros(base.size)
    flat[base.size // 2] = 1.0
    spike = flat.reshape(shape)
    scales = np.resize([1e-6, 1.0, big], shape[-1])
    weights = {
        "zero": np.zeros(shape),
        "negative zero": -np.zeros(shape),
        "tiny": 1e-6 * base,
        "one": np.ones(shape),
        "minus one": -np.ones(shape),
        "even": np.full(shape, 0.1),
        "usual": base,
        "negative": -np.abs(base),
        "big": big * base,
        "offset": big + base,
        "ties": np.round(base),
        "negative ties": -1.0 - (np.round(base) > 0),
        "huge entry": base + huge * spike,
        "negative huge entry": base - huge * spike,
        "one entry": spike,
        "rank deficient": base * 0 + base.ravel()[: shape[-1]],
        "huge": huge * np.sign(base) * (0.1 + 0.9 * rng.uniform(size=shape)),
        "scales": base * scales,
    }
    return {name: as_stored(w, dtype) for name, w in weights.items()}


def members(case, dtype, rng, count=12):
    """Members as `dtype` stores them."""
    return [as_stored(case.sample(rng), dtype) for _ in range(count)]
