"""Laws of weights with a given sum, or a given inner product with a vector."""

import math
from functools import partial

import numpy as np
from keras import ops

from constrainit.initializers import _draws
from constrainit.initializers.laws import Law, Wanted


def with_total(fan_in: int, total: float, wanted: Wanted) -> Law:
    """Weights of a given sum and the wanted spread around their mean."""
    norm = wanted.gain if fan_in > 1 else 0.0
    sphere = partial(_draws.sphere, least=2)

    def draw(height, width, dtype, seed, where=None):
        w = norm * sphere(height, width, dtype, seed, where)
        even = _draws.only(ops.ones_like(w), where)
        count = ops.sum(even, axis=0, keepdims=True)
        return w + total * even / ops.maximum(count, 1.0)

    size = math.sqrt(norm**2 + total**2 / fan_in)
    text = f"normal weights of sum {total:g}, deviation {norm / math.sqrt(fan_in):.4g}"
    overlap = total**2 / fan_in / size**2 if size else 0.0
    return Law(text, fan_in, total, size, draw, overlap=overlap)


def beside(normal, level: float, wanted: Wanted) -> Law:
    """Weights of a given inner product with `normal` and the wanted spread at right angles to it.

    Where all units should have one sum, they spread at right angles to the ones, too.
    """
    return around(normal * (level / float(normal @ normal)), normal[None], wanted, "a vector")


def around(foot, rows, wanted: Wanted, what: str) -> Law:
    """As `beside`, of weights around `foot` that spread at right angles to several rows."""
    fan_in = len(foot)
    basis = _orthonormal(rows)
    if wanted.even:
        wider = _orthonormal(np.vstack([rows, np.ones(fan_in)]))
        basis = wider if wider.shape[1] < fan_in else basis
    size = math.sqrt(wanted.gain**2 + float(foot @ foot))

    def draw(height, width, dtype, seed, where=None):
        w = wanted.gain * _draws.sphere_beside(height, width, dtype, seed, basis)
        return w + ops.convert_to_tensor(foot[:, None], dtype=w.dtype)

    text = f"normal weights at right angles to {what}, deviation {wanted.gain / fan_in**0.5:.4g}"
    return Law(text, fan_in, float(foot.sum()), size, draw, overlap=float(foot @ foot) / size**2)


def _orthonormal(rows):
    """Orthonormal columns that span rows of one size."""
    left, values, _ = np.linalg.svd(rows.T, full_matrices=False)
    return left[:, values > 1e-9 * values[0]]
