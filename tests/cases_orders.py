"""Rows of weights that turn once along an axis."""

import dataclasses

import numpy as np
import scipy.optimize
from kinds import FIRST, M, by_unit, corner_direction, slices

import constrainit as ci


@dataclasses.dataclass(frozen=True)
class Hill:
    """Up to the place `at`, or to any place if it is None, and down from there."""

    at: int | None = None
    sign: float = 1.0

    def nearest(self, v):
        v = self.sign * v
        if self.at is None:
            every = [np.concatenate([rising(v[:k]), rising(v[k:][::-1])[::-1]])
                     for k in range(v.size + 1)]  # fmt: skip
            return self.sign * min(every, key=lambda one: np.linalg.norm(one - v))
        left, right = rising(v[: self.at]), rising(v[self.at + 1 :][::-1])[::-1]
        high = np.sort(np.concatenate([left, right]))[::-1]
        # The peak: the largest of its means with what is highest beside it.
        top = (np.cumsum([v[self.at], *high]) / np.arange(1, v.size + 1)).max()
        return self.sign * np.concatenate([np.minimum(left, top), [top], np.minimum(right, top)])

    def distance(self, v, dtype):
        return np.linalg.norm(v - self.nearest(v))

    def sample(self, rng, k):
        v = np.sort(corner_direction(rng, k)) * rng.choice([1e-2, 1.0, 30.0])
        place = rng.integers(k) if self.at is None else self.at
        left = rng.permutation(k - 1)[:place]
        rest = np.delete(v[:-1], left)[::-1]
        return self.sign * np.concatenate([v[np.sort(left)], v[-1:], rest])


def rising(v):
    """Isotonic regression, of nothing too."""
    return scipy.optimize.isotonic_regression(v).x if v.size else v


def turned(name, make, shape, kind, groups, **facts):
    """A row of weights that turn once, to the bit."""

    def is_inside(w, dtype):
        for unit in (kind.sign * w[groups == g] for g in np.unique(groups)):
            places = range(unit.size) if kind.at is None else [kind.at]
            steps = np.diff(unit)
            if not any((steps[:p] >= 0).all() and (steps[p:] <= 0).all() for p in places):
                return False
        return True

    return by_unit(name, make, shape, kind, groups, is_inside=is_inside, **facts)


ROWS = [
    turned("Unimodal", lambda: ci.Unimodal(at=2), M, Hill(2), FIRST),
    turned("Unimodal_valley", lambda: ci.Unimodal("valley", -1, axis=-1), M, Hill(3, -1.0),
           slices(M, (1,))),
    turned("Unimodal_anywhere", ci.Unimodal, M, Hill(), FIRST, convex=False),
]  # fmt: skip
