"""What rows of cases are made of: what is true of a set, in NumPy, without the library's code.

A weight is cut into groups, the units that the set speaks of; a kind says of the vector of one
group how far it is from the set and gives members, corners included.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import ml_dtypes
import numpy as np
from conftest import as_stored

DTYPES = ("float32", "bfloat16", "float16", "float64")

# As documented in `_precision.py`: roundings of the storage plus sixteen of the arithmetic.
TOLERANCE = {
    "float64": 2.0**-53 + 16 * 2.0**-52,
    "float32": 2.0**-24 + 16 * 2.0**-23,
    "float16": 2.0**-11 + 16 * 2.0**-23,
    "bfloat16": 2.0**-8 + 16 * 2.0**-23,
}
TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}


def inner(bound, dtype, side):
    """The number that `dtype` stores next to a bound, above it (+1) or below it (-1), or it."""
    storage = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype).type
    stored = storage(bound)
    beyond = float(stored) * side < bound * side
    return float(np.nextafter(stored, storage(side * np.inf)) if beyond else stored)


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


@dataclasses.dataclass(frozen=True)
class Few:
    """A vector of another kind with at most `keep` entries of each `group` other than zero."""

    kind: Any
    keep: int
    group: int

    def distance(self, v, dtype):
        return min(
            math.hypot(self.kind.distance(v[used], dtype), np.linalg.norm(v[~used]))
            for used in self._supports(v.size)
        )

    def sample(self, rng, k):
        supports, v = self._supports(k), np.zeros(k)
        used = supports[rng.integers(len(supports))]
        v[used] = self.kind.sample(rng, int(used.sum()))
        return v

    def _supports(self, k):
        one = itertools.combinations(range(self.group), self.keep)
        one = [np.isin(np.arange(self.group), list(places)) for places in one]
        return [np.concatenate(parts) for parts in itertools.product(one, repeat=k // self.group)]


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
        nearest: Whether the projection gives the nearest point, as all but one do.
        accuracy: Relative accuracy that the set documents, where it is not exact.
        bounded_below: What no entry of any result may be below, by any tolerance.
        bounded_above: The same, above.
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
    nearest: bool = True
    accuracy: float = 0.0
    bounded_below: float = -math.inf
    bounded_above: float = math.inf
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
    return all(
        np.max(np.abs(np.asarray(a) - b), initial=0.0) <= loose * math.sqrt(w.size)
        for a, b in parts
    )


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


# Shapes

M, S, C, V, G = (6, 4), (4, 4), (3, 3, 2, 4), (5,), (4, 12)
FIRST = slices(M, (0,))
MASK = np.array(
    [[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [1, 0, 1, 0]]
)
SYMMETRIC_MASK = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0]]


def bounds(name, make, shape, low=-math.inf, high=math.inf, **facts):
    facts = {"elementwise": True, "bounded_below": low, "bounded_above": high, **facts}
    return by_unit(name, make, shape, Bounds(low, high), entries(shape), **facts)


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
    """Members as `dtype` stores them, at bounds on the inner side."""
    low, high = inner(case.bounded_below, dtype, +1), inner(case.bounded_above, dtype, -1)
    return [np.clip(as_stored(case.sample(rng), dtype), low, high) for _ in range(count)]
