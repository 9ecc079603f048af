"""Draws of matrices whose entries depend on one another; arguments as in `_draws`."""

import math

import numpy as np
from keras import ops

from constrainit._compile import exact_products
from constrainit._precision import wide_dtype
from constrainit.initializers import _draws

_TALL = 4


def haar(height, width, dtype, seed):
    """Uniform on the matrices with orthonormal columns (rows where wide).

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """
    q = _frame(_draws.normal((max(height, width), min(height, width)), dtype, seed))
    return q if height >= width else ops.transpose(q)


def level_frame(height, width, dtype, seed):
    """Orthonormal columns (rows where wide) whose columns all have the same sum.

    Uniform among those: zero sums where the matrix is tall, `sqrt(height / width)` elsewhere, the
    only values that all columns can have at once. From three rows and columns on.
    """
    if height > width:
        return _frame(_draws.centred(_draws.normal((height, width), dtype, seed), None, 3))
    rest = _frame(_draws.centred(_draws.normal((width, height - 1), dtype, seed), None, 3))
    first = ops.full((width, 1), width**-0.5, dtype=rest.dtype)
    basis = ops.concatenate([first, rest], axis=1)
    # The reflection that takes the first axis to the diagonal of all axes.
    mirror = np.full((height, 1), -(height**-0.5))
    mirror[0] += 1.0
    mirror = ops.convert_to_tensor(mirror / np.linalg.norm(mirror), dtype=rest.dtype)
    tall = basis - 2.0 * ops.matmul(ops.matmul(basis, mirror), ops.transpose(mirror))
    return ops.transpose(tall)


def _frame(w):
    """The orthonormal factor of `w = Q R`, with a positive diagonal of `R`."""
    rows, columns = w.shape
    if rows >= _TALL * columns:
        # The same factor with fewer tensors as large as the weight. The condition of normal numbers
        # of this shape is about three, whose square costs no digits.
        with exact_products():
            root = ops.cholesky(ops.transpose(w) @ w)
            eye = ops.eye(columns, dtype=w.dtype)
            return w @ ops.transpose(ops.solve_triangular(root, eye, lower=True))
    q, r = ops.qr(w)
    return q * ops.cast(ops.where(ops.diagonal(r) < 0, -1.0, 1.0), q.dtype)


def mixed_permutations(height, width, dtype, seed, where=None, *, pieces, loose):
    """The mean of `pieces` permutations, all but `loose` of them the same one, side by side.

    For a power of two of at most 256 pieces every partial sum is a number of every dtype.
    """
    blocks, others = width // height, int(loose < pieces)
    orders = ops.argsort(_draws.uniform((blocks, loose + others, height), dtype, seed), axis=-1)
    block = ops.reshape(ops.arange(blocks), (blocks, 1, 1))
    places = ops.arange(height) * width + block * height + ops.cast(orders, "int32")
    shares = np.ones((blocks, loose + others, height))
    shares[:, 0] = max(pieces - loose, 1)
    shares = ops.convert_to_tensor(shares / pieces, dtype=wide_dtype(dtype))
    flat = ops.segment_sum(
        ops.reshape(shares, (-1,)), ops.reshape(places, (-1,)), num_segments=height * width
    )
    return ops.reshape(flat, (height, width))


def symmetric(height, width, dtype, seed, where=None, *, even):
    """Symmetric normal matrices with columns of norm one on average; `even`: of sum zero."""
    if where is not None:
        where = ops.logical_and(where, ops.transpose(where))
        share = ops.mean(ops.cast(where, wide_dtype(dtype)), axis=0, keepdims=True)
        share = ops.maximum(share, 1.0 / height)
        w = symmetric(height, width, dtype, seed, even=even)
        return _draws.only(w, where) / ops.sqrt(share)
    return _mirrored(height, dtype, seed, 1.0, even)


def skew(height, width, dtype, seed, where=None, *, even):
    """Skew-symmetric normal matrices with columns of norm one on average; `even`: of sum zero."""
    if where is None:
        return _mirrored(height, dtype, seed, -1.0, even)
    both = ops.logical_and(where, ops.transpose(where))
    both = ops.logical_and(both, ops.eye(height) < 0.5)
    w = _draws.only(_mirrored(height, dtype, seed, -1.0, False), both)
    share = ops.sum(ops.cast(both, w.dtype), axis=0, keepdims=True) / (height - 1)
    return w / ops.sqrt(ops.maximum(share, 1.0 / height))


def _mirrored(height, dtype, seed, sign, even):
    w = _draws.normal((height, height), dtype, seed)
    w = (w + sign * ops.transpose(w)) / math.sqrt(2.0)
    if even:
        w = w - ops.mean(w, axis=0, keepdims=True)
        w = w - ops.mean(w, axis=1, keepdims=True)
    # Such matrices have half as many dimensions as this product, each of variance two.
    rank = height - even
    return w / math.sqrt(rank * (rank + sign) / height)
