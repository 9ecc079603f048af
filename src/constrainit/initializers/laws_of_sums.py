"""Laws of weights that are tied to one another: by a vector, a matrix or an order."""

import math

import numpy as np
from keras import ops

from constrainit.initializers import _draws
from constrainit.initializers.laws import Law, Wanted


def beside(normal, level: float, wanted: Wanted) -> Law:
    """Weights of a given inner product with `normal` and the wanted spread at right angles to it.

    Where all units should have one sum, they spread at right angles to the ones, too.
    """
    fan_in = len(normal)
    foot = normal * (level / float(normal @ normal))
    fixed = [normal, np.ones(fan_in)] if wanted.even and fan_in > 2 else [normal]
    left, values, _ = np.linalg.svd(np.stack(fixed, axis=1), full_matrices=False)
    basis = left[:, values > 1e-9 * values[0]]
    size = math.sqrt(wanted.gain**2 + float(foot @ foot))

    def draw(height, width, dtype, seed, where=None):
        w = wanted.gain * _draws.sphere_beside(height, width, dtype, seed, basis)
        return w + ops.convert_to_tensor(foot[:, None], dtype=w.dtype)

    text = f"normal weights at right angles to a vector, deviation {wanted.gain / fan_in**0.5:.4g}"
    return Law(text, fan_in, float(foot.sum()), size, draw, overlap=float(foot @ foot) / size**2)
