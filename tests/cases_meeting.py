"""Rows of intersections that have a smooth map onto what their sets have in common."""

import dataclasses

import numpy as np
from cases_sums import of_groups
from kinds import (
    FIRST,
    C,
    Case,
    M,
    Probability,
    S,
    V,
    by_unit,
    inner,
    near,
    slices,
    symmetric_sample,
    whole,
)

import constrainit as ci


def ordered_in_bounds(name, make, shape, axis, sign, gap, low, high):
    """A row of weights in order along an axis, with a gap, between two bounds."""
    length = shape[axis]
    room = (3.0 if high == np.inf else high) - low - gap * (length - 1)

    def is_inside(w, dtype):
        steps = sign * np.diff(w, axis=axis)
        inside = (w >= inner(low, dtype, 1)).all()
        inside &= high == np.inf or (w <= inner(high, dtype, -1)).all()
        return bool(inside) and near(w, [(np.minimum(steps, gap), gap)], dtype)

    def sample(rng):
        ends = [
            low + room * rng.uniform(size=shape),
            np.full(shape, low),
            np.full(shape, low + room),
        ]
        w = np.sort(np.choose(rng.integers(3, size=shape), ends), axis=axis)
        w = w + gap * np.moveaxis(
            np.broadcast_to(np.arange(length), np.moveaxis(w, axis, -1).shape), -1, axis
        )
        return w if sign > 0 else np.flip(w, axis)

    return Case(name, make, shape, None, sample, slices(shape, (axis,)), accuracy=1e-5,
                bounded_below=low, bounded_above=high, is_inside=is_inside)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Below:
    """`v >= 0` and `sum(v) <= total`."""

    total: float

    def distance(self, v, dtype):
        part = np.maximum(v, 0.0)
        if part.sum() <= self.total:
            return np.linalg.norm(v - part)
        return Probability(self.total).distance(v, dtype)

    def sample(self, rng, k):
        return rng.choice([0.0, 0.5, 1.0]) * Probability(self.total).sample(rng, k)


def sum_in_bounds(name, make, shape, axes, total, low, high):
    """A row of weights of one sum along axes, between two bounds."""
    groups = slices(shape, axes)

    def unit(rng, k):
        """Bounds but for one weight, as much as is left from a bound on, or between all of them."""
        room = total - k * low - (high - low) * np.arange(k)
        corner = low + rng.permutation(np.clip(room, 0.0, high - low))
        return corner + rng.choice([0.0, 1e-3, 0.5, 1.0]) * (total / k - corner)

    def sample(rng):
        w = np.empty(shape)
        for g in np.unique(groups):
            w[groups == g] = unit(rng, int((groups == g).sum()))
        return w

    def is_inside(w, dtype):
        inside = w.min() >= inner(low, dtype, 1) and w.max() <= inner(high, dtype, -1)
        return bool(inside) and near(w, [(w.sum(axes), total)], dtype)

    return Case(name, make, shape, None, sample, groups, accuracy=1e-5, bounded_below=low,
                bounded_above=high, is_inside=is_inside)  # fmt: skip


def above_floor(rng):
    return np.stack([0.1 + Probability(0.4).sample(rng, 6) for _ in range(4)], axis=1)


PRICES = np.array([1.0, 0.5, 2.0, 1.0, 0.0, 3.0])


def within_budget(rng):
    w = rng.choice([0.0, 1.0], size=M) * rng.uniform(size=M)
    spent = np.maximum(PRICES @ w, 1e-9)
    return w * np.where(spent > 0.1, rng.choice([0.5, 2.0], size=M[1]) / spent, 1.0)


def bent_order(name, make, shape, axis, sign, bend, gap=0.0, low=-np.inf, high=np.inf):
    """A row of weights that go one way along an axis and bend one way there, between bounds."""

    def is_inside(w, dtype):
        steps = sign * np.diff(w, axis=axis)
        bends = np.minimum(bend * np.diff(w, 2, axis=axis), 0.0)
        inside = (w >= inner(low, dtype, 1)).all() if np.isfinite(low) else True
        inside &= (w <= inner(high, dtype, -1)).all() if np.isfinite(high) else True
        return bool(inside) and near(w, [(np.minimum(steps, gap), gap), (bends, 0)], dtype)

    def sample(rng):
        """Steps that grow where they may, from a bound on or up to it, as far as there is room."""
        length, others = shape[axis], [n for a, n in enumerate(shape) if a != axis]
        steps = np.cumsum(rng.choice([0.0, 1.0], size=(length - 1, *others)), axis=0)
        rises = np.concatenate([np.zeros((1, *others)), np.cumsum(steps, axis=0)])
        gaps = gap * np.arange(length).reshape(-1, *(1 for _ in others))
        start, end = (-1.0 if not np.isfinite(b) else b for b in (low, high))
        if np.isfinite(low) and np.isfinite(high):
            room = end - start - gaps[-1]
            reach = rng.choice([0.3, 1.0], size=others) * room / np.maximum(rises[-1], 1.0)
            w = rises * np.where(rises[-1] > 0, reach, 0.0) + gaps
            w = w + rng.choice([0.0, 1.0], size=others) * (room + gaps[-1] - w[-1])
        else:
            w = rises + gaps
        # As they go up and bend upwards, between the bounds as these are seen then.
        if bend > 0:
            w = w + start if np.isfinite(low) or not np.isfinite(high) else w - w[-1] + end
        else:
            w = w - end if np.isfinite(high) or not np.isfinite(low) else w - w[-1] - start
        w = np.flip(w, axis=0) if sign * bend < 0 else w
        return np.moveaxis(bend * w, 0, axis)

    return Case(name, make, shape, None, sample, slices(shape, (axis,)), accuracy=1e-5,
                bounded_below=low, bounded_above=high, is_inside=is_inside)  # fmt: skip


ROWS = [
    ordered_in_bounds("Intersection_calibrator", lambda: ci.Monotone() & ci.Box(0.0, 1.0), M, 0,
                      1, 0.0, 0.0, 1.0),
    ordered_in_bounds("Intersection_calibrator_gaps",
                      lambda: ci.Box(-1.0, 0.5) & ci.Monotone("decreasing", 0.2, axis=-1), M, 1,
                      -1, 0.2, -1.0, 0.5),
    ordered_in_bounds("Intersection_calibrator_conv",
                      lambda: ci.MaxAbs(2.0) & ci.Monotone("decreasing", axis=1), C, 1, -1, 0.0,
                      -2.0, 2.0),
    ordered_in_bounds("Intersection_calibrator_vector",
                      lambda: ci.Monotone(gap=0.1) & ci.NonNegative(), V, 0, 1, 0.1, 0.0, np.inf),
    by_unit("Intersection_sums", lambda: ci.NonNegative() & ci.L1Ball(2.0), M, Below(2.0), FIRST,
            bounded_below=0.0, accuracy=1e-5),
    of_groups("Intersection_groups", lambda: ci.GroupL1Ball(2.0, axis=1) & ci.NonNegative(), M,
              slices(M, (1,)), 2.0, True, bounded_below=0.0, accuracy=1e-5),
    bent_order("Intersection_bent", lambda: ci.Convex() & ci.Monotone() & ci.Box(-1.0), M, 0, 1, 1,
               low=-1.0),
    bent_order("Intersection_bent_free",
               lambda: ci.Monotone("decreasing", 0.1, axis=1) & ci.Concave(axis=1), M, 1, -1, -1,
               gap=0.1),
    bent_order("Intersection_bent_bounds", lambda: ci.Monotone() & ci.Concave() & ci.Box(0.0, 1.0),
               M, 0, 1, -1, low=0.0, high=1.0),
    bent_order("Intersection_bent_conv",
               lambda: ci.Convex(axis=1) & ci.Monotone("decreasing", axis=1) & ci.MaxAbs(1.0), C, 1,
               -1, 1, low=-1.0, high=1.0),
    bent_order("Intersection_bent_below",
               lambda: ci.Box(upper=0.5) & ci.Monotone() & ci.Convex(), V, 0, 1, 1, high=0.5),
    Case("Intersection_symmetric_bounds", lambda: ci.Symmetric() & ci.Box(-0.5, 1.0), S, None,
         lambda rng: np.clip(symmetric_sample(S)(rng), -0.5, 1.0), whole(S), accuracy=1e-5,
         bounded_below=-0.5, bounded_above=1.0,
         is_inside=lambda w, d: w.min() >= -0.5 and w.max() <= 1 and near(w, [(w, w.T)], d)),
    Case("Intersection_floor", lambda: ci.Simplex() & ci.Box(0.1), M, None, above_floor, FIRST,
         accuracy=1e-5, bounded_below=0.1,
         is_inside=lambda w, d: w.min() >= inner(0.1, d, 1) and near(w, [(w.sum(0), 1)], d)),
    sum_in_bounds("Intersection_cap", lambda: ci.Simplex() & ci.Box(upper=0.4), M, (0,), 1.0, 0.0,
                  0.4),
    sum_in_bounds("Intersection_floor_and_cap", lambda: ci.Box(0.05, 0.4) & ci.Simplex(axis=1), M,
                  (1,), 1.0, 0.05, 0.4),
    sum_in_bounds("Intersection_centred_bounds", lambda: ci.ZeroMean() & ci.MaxAbs(0.5), M, (0,),
                  0.0, -0.5, 0.5),
    sum_in_bounds("Intersection_sum_conv", lambda: ci.Box(-0.5, 0.1) & ci.SumTo(-2.0), C,
                  (0, 1, 2), -2.0, -0.5, 0.1),
    sum_in_bounds("Intersection_sum_vector", lambda: ci.SumTo(1.0) & ci.MaxAbs(1.0), V, (0,), 1.0,
                  -1.0, 1.0),
]  # fmt: skip

# Of these there is no smooth map.
SHARP = [
    Case("Intersection_budget", lambda: ci.NonNegative() & ci.Halfspace(PRICES, 2.0), M, None,
         within_budget, FIRST, accuracy=1e-5, bounded_below=0.0,
         is_inside=lambda w, d: near(w, [(np.maximum(PRICES @ w, 2), 2)], d)),
]  # fmt: skip
