"""Upper bounds of the largest singular value, of matrices and of convolutions."""

import functools
import itertools
import math

import numpy as np
from keras import backend, ops

from ._norms import polar, safe_norm

ITERATIONS = 6
GRID = 6


def spectral_bound(w):
    """A number that the largest singular value of `w` does not exceed, and is often close to.

    Gram iteration: `W'W`, its square, and so on, each of norm one. The bound is the Schatten norm
    of order 128: with equal singular values at most 5.6 % above the largest of 1024. What the
    products of matrices may have lost to rounding is added, so that it is a bound of the stored
    numbers and not only of exact ones.

    Args:
        w: Float tensor whose last two axes are matrices, without NaN or infinity.

    Returns:
        A tensor with axes of size one in the place of the last two.

    Source: B. Delattre, Q. Barthelemy, A. Araujo, A. Allauzen, "Efficient bound of Lipschitz
    constant for convolutional layers by Gram iteration", 2023.
    """
    if w.shape[-2] < w.shape[-1]:
        w = ops.swapaxes(w, -1, -2)
    part, size = polar(w, (-2, -1))
    norms = []
    for _ in range(ITERATIONS):
        # An entry of a product of unit matrices is off by at most `terms` roundings.
        lost = (part.shape[-2] + 8) * _rounding(w)
        part, norm = polar(ops.swapaxes(part, -1, -2) @ part, (-2, -1))
        norms.append((norm, lost))
    bound = ops.ones_like(size)
    for norm, lost in reversed(norms):
        bound = ops.sqrt(norm * bound + lost)
    return size * bound * (1.0 + 16 * _rounding(w))


def spectral_slack(rows, columns, dtype):
    """How far `spectral_bound` is above the norm where all singular values are equal, at most.

    Args:
        rows: Of the matrix.
        columns: Of the matrix.
        dtype: Of the matrix; its rounding is what counts for thousands of rows.
    """
    most, least = max(rows, columns), min(rows, columns)
    rounding, bound = float(np.finfo(dtype).eps), 1.0
    for i in reversed(range(ITERATIONS)):
        lost = ((least if i else most) + 8) * rounding
        bound = math.sqrt(bound / math.sqrt(least) + lost)
    return math.sqrt(least) * bound * 1.001


def convolution_bound(kernel):
    """A number that the norm of the convolution does not exceed, for inputs of every size.

    The operator norm of an unbounded convolution is the largest singular value of
    `K(t) = sum_j kernel[j] exp(i j t)` over all frequencies `t`. It is bounded on a grid of six
    times the window along each axis, and between the points of the grid by Riesz' lemma: a
    trigonometric polynomial of degree `d` falls by no more than `cos(d x)` over a distance `x`.

    Args:
        kernel: Float tensor `(*window, inputs, outputs)` without NaN or infinity.

    Returns:
        A tensor of shape `(1, 1)`.

    Source: H. Sedghi, V. Gupta, P. Long, "The singular values of convolutional layers", 2019;
    H. Ehlich, K. Zeller, "Schwankung von Polynomen zwischen Gitterpunkten", 1964.
    """
    *window, inputs, outputs = kernel.shape
    waves = ops.convert_to_tensor(_waves(tuple(window)), dtype=kernel.dtype)
    flat = waves @ ops.reshape(kernel, (-1, inputs * outputs))
    parts = ops.reshape(flat, (2, -1, inputs, outputs))
    # Not unpacked: TensorFlow's graphs can not be iterated over.
    real, imaginary = parts[0], parts[1]
    both = ops.concatenate(
        [
            ops.concatenate([real, -imaginary], axis=-1),
            ops.concatenate([imaginary, real], axis=-1),
        ],
        axis=-2,
    )
    terms = math.prod(window)
    lost = (terms + 8) * math.sqrt(terms) * _rounding(kernel)
    whole = ops.reshape(safe_norm(kernel, tuple(range(len(kernel.shape)))), (1, 1))
    return _between(window) * (ops.max(spectral_bound(both), axis=0) + lost * whole)


def convolution_slack(shape):
    """How far `convolution_bound` is above the norm where all singular values are equal, at most.

    Args:
        shape: Shape of the kernel.
    """
    *window, inputs, outputs = shape
    order = 2.0 ** (ITERATIONS + 1)
    return _between(window) * (2 * min(inputs, outputs)) ** (1 / order) * 1.001


def _between(window):
    """The factor from the largest value on the grid to that anywhere."""
    return math.prod(1.0 / math.cos(math.pi * (n - 1) / (2 * _points(n))) for n in window)


def _points(n):
    return GRID * n if n > 1 else 1


@functools.cache
def _waves(window):
    """Cosines above sines, `(2 * frequencies, taps)`; of two opposite frequencies only one."""
    sizes = [_points(n) for n in window]
    grid = [
        at for at in itertools.product(*map(range, sizes))
        if at <= tuple(-a % n for a, n in zip(at, sizes, strict=True))
    ]  # fmt: skip
    taps = np.asarray(list(itertools.product(*map(range, window)))).reshape(-1, len(window))
    angles = 2 * np.pi * (np.asarray(grid).reshape(-1, len(window)) / sizes) @ taps.T
    return np.concatenate([np.cos(angles), np.sin(angles)])


def _rounding(w):
    return float(np.finfo(backend.standardize_dtype(w.dtype)).eps)
