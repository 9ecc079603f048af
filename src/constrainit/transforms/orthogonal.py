"""Smooth maps onto orthogonal matrices and onto those of singular values in a range."""

import functools

import keras
import numpy as np
from keras import ops

from constrainit.numerics import (
    at_least,
    at_most,
    between,
    cayley,
    is_far,
    polished,
    replaced,
    sin,
    singular,
    symmetric_part,
)
from constrainit.transforms._transform import Transform, with_value

_LARGEST, _SMALLEST, _STEEP = 1e14, 1e-20, 1e-2
# How far inside of its bounds a singular value starts, as a share of their distance.
_MARGIN = 0.05


class Polar(Transform):
    """The orthogonal factor `U` of `v = U H`: the nearest member, with its exact gradient.

    For training there is Cayley's map around a base `B`, which costs one linear system in the place
    of an eigendecomposition. With `x` the free value less what it was when the base was set:

    - square: `Q = (I - A / 2)^-1 (I + A / 2) B` with `A = (x - x') / 2`;
    - tall: the same with `A = P B' - B P'` and `P = x - B B'x / 2`, which is of rank `2 k`: a
      system of size `2 k`, and no matrix larger than the weight;
    - wide: its transpose.

    Near the base `Q` moves as the part of `x` that is tangent to the set. Far from it the system
    loses digits: then the member takes the place of the base.

    Source: Z. Wen, W. Yin, "A feasible method for optimization with orthogonality constraints",
    2013; M. Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds", 2019.
    """

    based = True

    def _map(self, v, dtype):
        folding = self.set._folding(v.shape)
        # The factor is the same for multiples of `v`.
        peak = ops.stop_gradient(ops.max(ops.abs(v)))
        x = v / ops.where(peak > _SMALLEST, peak, ops.ones_like(peak))
        least = float(np.finfo(keras.backend.standardize_dtype(v.dtype)).eps) ** 0.5
        if dtype == "float16":
            # The slope is one over the size: float16 could not hold it.
            x, least = with_value(v / at_least(peak, _STEEP), x), _STEEP
        factor = functools.partial(self._factor, least)
        return folding.weight(_turned(folding.matrix(x), factor))

    def _inverse(self, w, dtype):
        return w

    def _of(self, w, inverse):
        # As it is: on the host and in float64 it would take several times its memory.
        return ops.copy(ops.stop_gradient(self.set._tensor(w)))

    def _factor(self, least, x):
        fixed = ops.stop_gradient(x)
        u = ops.stop_gradient(self.set._nearest_matrix(fixed))
        values, vectors = ops.eigh(symmetric_part(ops.transpose(u) @ fixed))
        values, vectors = ops.stop_gradient(values), ops.stop_gradient(vectors)
        # The differential of the factor: `U X` with `H X + X H` the skew part of `U'dv`, twice,
        # and what is at right angles to `U`, over `H`.
        across = ops.transpose(u) @ x
        turn = ops.transpose(vectors) @ (across - ops.transpose(across)) @ vectors
        turn = turn / at_least(values[:, None] + values[None, :], least)
        moved = u @ (vectors @ turn @ ops.transpose(vectors))
        if x.shape[0] > x.shape[1]:
            beside = (x - u @ across) @ vectors / at_least(values, least)
            moved = moved + beside @ ops.transpose(vectors)
        return with_value(moved, u)

    # Around a base

    def _around(self, v, dtype, base, origin):
        folding = self.set._folding(v.shape)
        x, base = folding.matrix(v - origin), folding.matrix(base)
        return folding.weight(cayley(x, base))

    def _strays(self, v, origin):
        return is_far(self.set._folding(v.shape).matrix(v - origin))

    def _landed(self, w):
        folding = self.set._folding(w.shape)
        return folding.weight(_turned(folding.matrix(w), lambda q: polished(polished(q))))


class Waves(Transform):
    """`U f(s) V'` for `t v = U s V'`, with `f(s) = lower + width sin((s - lower) / width)^2`.

    `width` is `upper - lower`, and the temperature `t` makes a free value as large as an initial
    weight. The singular values of the free value that stand for a member lie between `lower` and
    `lower + 1.57 width`, where `f` rises with a slope of at most 1 and meets both bounds. The slope
    at a bound is zero, and a little beyond it `f` turns back, so that no step leads to where there
    is none. The gradient is that of the whole matrix function, directions included, from the one
    decomposition of the value.

    Source: G. Noferini, "A formula for the Frechet derivative of a generalized matrix function",
    2017.
    """

    def _map(self, v, dtype):
        folding = self.set._folding(v.shape)
        x = folding.matrix(v) * self._temperature(v.shape)
        return folding.weight(_turned(between(x, -_LARGEST, _LARGEST), self._waved))

    def _waved(self, x):
        lower, span = self.set.lower, self.set.upper - self.set.lower
        u, s, v = (ops.stop_gradient(one) for one in singular(ops.stop_gradient(x)))
        angle = (s - lower) / self._width
        held = at_most(at_least(angle, -np.pi), np.pi)
        f = lower + span * ops.square(sin(held))
        # The differential of singular values and directions: divided differences of `f`.
        apart, held_apart = _differences(angle), _differences(held)
        some = ops.abs(apart) > 1e-6
        sine = ops.where(some, sin(held_apart) / ops.where(some, apart, 1.0), 1.0)
        along = (span / self._width) * sin(held[:, None] + held[None, :]) * sine
        least = max(1e-2 * lower, 1e-12 * self.set.upper)
        turn = (f[:, None] + f[None, :]) / at_least(s[:, None] + s[None, :], least)
        across = ops.transpose(u) @ x @ v
        even = symmetric_part(across)
        moved = u @ (even * along + (across - even) * turn) @ ops.transpose(v)
        if x.shape[0] > x.shape[1]:
            beside = (x @ v - u @ across) * (f / at_least(s, least))
            moved = moved + beside @ ops.transpose(v)
        value = replaced(ops.stop_gradient(x), u, s, v, lambda _: f)
        return with_value(moved, value)

    @property
    def _width(self):
        return self.set.upper - self.set.lower or self.set.upper

    def _temperature(self, shape):
        return self.size(shape) / self.deviation(shape)

    def _inverse(self, w, dtype):
        u, s, v, folding = self._decomposed(w)
        share = np.clip((s - self.set.lower) / self._width, 0.0, 1.0)
        s = self.set.lower + self._width * np.arcsin(np.sqrt(share))
        return folding.unfolded((u * s) @ v) / self._temperature(w.shape)

    def _inside(self, w, dtype):
        u, s, v, folding = self._decomposed(w)
        margin = _MARGIN * (self.set.upper - self.set.lower)
        s = np.clip(s, self.set.lower + margin, self.set.upper - margin)
        return folding.unfolded((u * s) @ v)

    def _decomposed(self, w):
        folding = self.set._folding(w.shape)
        return *np.linalg.svd(folding.array(w), full_matrices=False), folding


def _differences(x):
    return x[:, None] - x[None, :]


def _turned(matrix, function):
    """A function of tall matrices, of a wide one."""
    if matrix.shape[0] < matrix.shape[1]:
        return ops.transpose(function(ops.transpose(matrix)))
    return function(matrix)
