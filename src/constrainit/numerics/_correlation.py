"""The nearest correlation matrix."""

import numpy as np
from keras import backend, ops

from ._limits import at_least, at_most
from ._mirror import symmetric_part
from ._norms import safe_norm
from ._spectral import eigen, replaced

LARGEST = 100.0
ROUNDS = 60
SOLVER_ROUNDS = 30


def nearest_correlation(w):
    """Nearest matrix to a symmetric `w` that is positive semidefinite with a diagonal of ones.

    Newton on the dual, `min_y ||(W + Diag(y))_+||^2 / 2 - sum(y)`, whose gradient is the diagonal
    of `(W + Diag(y))_+` less one. Each step solves the Newton system by conjugate gradients, with
    a multiple of the identity added that grows where a step does not pay (from one on every step
    does, as the gradient is 1-Lipschitz) and falls where it does. One eigendecomposition a step,
    about ten steps; at most 60. The last point is scaled to a diagonal of ones, which keeps it
    positive semidefinite.

    The diagonal of `w` does not matter. Entries beyond 100 are out of reach of the rounding: the
    matrix is then scaled down to 100 first.

    Args:
        w: Float tensor whose last two axes are symmetric matrices, without NaN or infinity.

    Source: H. Qi, D. Sun, "A quadratically convergent Newton method for computing the nearest
    correlation matrix", 2006.
    """
    eye = ops.eye(w.shape[-1], dtype=w.dtype)
    peak = ops.max(ops.abs(w * (1.0 - eye)), axis=(-2, -1), keepdims=True)
    g = w * (LARGEST / at_least(peak, LARGEST)) * (1.0 - eye) + eye
    eps = float(np.finfo(backend.standardize_dtype(w.dtype)).eps)

    def at(y):
        shifted = g + eye * y[..., None, :]
        values, v = eigen(shifted)
        image = replaced(shifted, v, values, v, lambda x: at_least(x, 0.0))
        slope = ops.sum(image * eye, axis=-1) - 1.0
        height = 0.5 * ops.sum(ops.square(at_least(values, 0.0)), axis=-1) - ops.sum(y, axis=-1)
        noise = 4 * eps * at_least(ops.max(ops.abs(values), axis=-1), 1.0)
        done = ops.max(ops.abs(slope), axis=-1) <= noise
        return y, values, v, image, slope, height, done

    def unfinished(damping, *state):
        return ops.logical_not(ops.all(state[-1]))

    def step(damping, *state):
        y, values, v, _, slope, height, done = state
        move = _solve(values, v, damping, slope)
        new = at(y - move)
        lower = new[5] <= height - 0.25 * ops.sum(slope * move, axis=-1)
        flatter = _norm(new[4]) <= 0.9 * _norm(slope)
        paid = ops.logical_or(lower, flatter)
        taken = ops.logical_and(paid, ops.logical_not(done))
        chosen = [_choose(taken, b, a) for a, b in zip(state, new, strict=True)]
        # Where even the shortest step does not pay, what is left to gain is below the rounding.
        spent = ops.logical_and(ops.logical_not(paid), damping >= 1.0)
        chosen[-1] = ops.logical_or(chosen[-1], spent)
        return (at_most(ops.where(paid, 0.1 * damping, 10.0 * damping), 1.0), *chosen)

    start = at(ops.zeros_like(g[..., 0]))
    damping = ops.full_like(start[5], 1e-3)
    state = ops.while_loop(unfinished, step, (damping, *start), maximum_iterations=ROUNDS)
    image = state[4]
    size = ops.sqrt(at_least(ops.sum(image * eye, axis=-1), eps))
    image = image / (size[..., None, :] * size[..., None])
    image = symmetric_part(image)
    return ops.where(eye > 0, ops.ones_like(image), image)


def _solve(values, v, damping, slope):
    """The Newton step, by conjugate gradients."""
    positive = ops.cast(values > 0, v.dtype)
    plus, minus = values * positive, -values * (1.0 - positive)
    both = plus[..., None] + minus[..., None, :]
    share = plus[..., None] / ops.where(both > 0, both, ops.ones_like(both))
    one = positive[..., None] * positive[..., None, :]
    mixed = positive[..., None] * (1.0 - positive[..., None, :])
    weight = one + mixed * share + ops.swapaxes(mixed * share, -1, -2)

    def curved(h):
        inner = ops.swapaxes(v, -1, -2) @ (h[..., None] * v)
        bent = ops.sum((v @ (weight * inner)) * v, axis=-1)
        return bent + damping[..., None] * h

    def wide(x, r, d, left):
        return ops.any(left > 1e-6)

    def improve(x, r, d, left):
        bent = curved(d)
        square, bend = ops.sum(r * r, axis=-1), ops.sum(d * bent, axis=-1)
        length = square / ops.where(bend > 0, bend, ops.ones_like(bend))
        x = x + length[..., None] * d
        r = r - length[..., None] * bent
        ratio = ops.sum(r * r, axis=-1) / ops.where(square > 0, square, ops.ones_like(square))
        return x, r, r + ratio[..., None] * d, _norm(r) / whole

    whole = at_least(_norm(slope), 1e-30)
    state = (ops.zeros_like(slope), slope, slope, _norm(slope) / whole)
    return ops.while_loop(wide, improve, state, maximum_iterations=SOLVER_ROUNDS)[0]


def _norm(x):
    return safe_norm(x, (-1,))[..., 0]


def _choose(which, new, old):
    where = ops.reshape(which, tuple(which.shape) + (1,) * (len(old.shape) - len(which.shape)))
    return ops.where(where, new, old)
