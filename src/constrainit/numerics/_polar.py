"""The nearest matrix with orthonormal columns (or rows), and the nearest rotation."""

import numpy as np
from keras import backend, ops

from constrainit._compile import choose, repeated

from ._limits import between
from ._products import plus_product

POLISHING_STEPS = 2
STEPS = 3
ROUNDINGS = 4
# (1 + g)^(-1/2) = 1 + c1 g + c2 g^2 + ...
SERIES = (-1 / 2, 3 / 8, -5 / 16, 35 / 128, -63 / 256, 231 / 1024)


def polar_factor(w, rotation=False):
    """Nearest matrix to `w` with orthonormal columns, or rows where it is wide.

    With `G = W'W - I` it is `W (I + G)^(-1/2)`. Near the set the root is taken by its series, in
    products of matrices only: five for the terms up to `G^6`, which leave a gap of at most
    `0.6 ||G^3||_F^(7/3)`, and two for those up to `G` where `||G||_F` is so small that they do. It
    ends where that bound is at the rounding of the dtype; one optimizer step off the set is gone
    after five products. The series is valid where `||G^3||_F < 1`: no eigenvalue of `G` is then
    beyond one. Elsewhere, and where three steps do not get there, the factor `U V'` of the singular
    value decomposition and two steps of two terms (Newton-Schulz), which bring the orthogonality of
    any backend's decomposition down to the rounding. It runs only where it is needed.

    A rank deficient matrix has several nearest points; the decomposition picks one, and the zero
    matrix goes to the identity.

    Args:
        w: Float tensor `(rows, columns)` without NaN or infinity.
        rotation: Whether the result, then square, must have determinant one. Where it would have
            minus one the direction of the smallest singular value is turned round.

    Source: N. Higham, "Computing the polar decomposition", 1986; J. Gower, G. Dijksterhuis,
    "Procrustes problems", 2004.
    """
    if w.shape[0] < w.shape[1]:
        return ops.transpose(polar_factor(ops.transpose(w)))
    columns, eps = w.shape[1], float(np.finfo(backend.standardize_dtype(w.dtype)).eps)
    goal = ROUNDINGS * eps * columns**0.5
    # An entry of two means a gap of three: nothing that is near is cut, nothing overflows.
    start = between(w, -2.0, 2.0)
    left = ops.full((), np.inf, dtype=w.dtype)
    yes, no = ops.convert_to_tensor(True), ops.convert_to_tensor(False)

    def apart(q, left, valid):
        return ops.logical_and(valid, left > goal)

    def step(q, left, valid):
        gap = _gap(q)
        size = _norm(gap)

        def many_terms():
            factor, cubed = _root_less_one(gap)
            return plus_product(q, q, factor), 0.6 * cubed ** (7 / 3), cubed < 1.0

        return choose(
            size <= goal**0.5,
            lambda: (plus_product(q, q, -0.5 * gap), ops.zeros_like(left), yes),
            # All eigenvalues of `G` at one: what is beyond is not worth a look at its powers.
            lambda: choose(size < columns**0.5, many_terms, lambda: (q, left, no)),
        )

    q, left, valid = repeated(apart, step, (start, left, yes), STEPS)
    near = ops.logical_and(valid, left <= goal)
    if rotation:
        near = choose(near, lambda: is_rotation(q), lambda: no)
    return choose(near, lambda: q, lambda: _by_decomposition(w, rotation))


def polished(q):
    """One Newton-Schulz step: nearly orthonormal columns, in the last two axes, made so."""
    return plus_product(q, q, -0.5 * _gap(q))


def orthonormal(q):
    """As `polished`, for the columns that a decomposition gave.

    TensorFlow's own (2.21, on a CPU) now and then gives a column twice or not at all where the
    matrix has not full rank, so seen for one of rank one and 1024 columns. Such columns are made
    anew, orthogonal to those before them.
    """
    gap = _gap(q)
    near = plus_product(q, q, -0.5 * gap)
    if backend.backend() != "tensorflow":
        return near
    return choose(_norm(gap) < 0.5, lambda: near, lambda: polished(_completed(q)))


def is_rotation(q):
    """Whether an orthogonal matrix has determinant one.

    The eigenvalues of `(Q + Q') / 2` are cosines in pairs, and single ones at -1 and 1. In order,
    their alternating sum is 0 if no single one is at -1, and else 2. A determinant by elimination
    would be faster, but TensorFlow can not compile one.
    """
    cosines = ops.eigh(0.5 * (q + ops.transpose(q)))[0]
    size = q.shape[0]
    signs = ops.convert_to_tensor((-1.0) ** np.arange(1, size + 1), dtype=q.dtype)
    return ops.sum(cosines * signs) + size % 2 < 1.0


def _gap(q):
    """`Q'Q - I`, in the last two axes."""
    return ops.swapaxes(q, -1, -2) @ q - ops.eye(q.shape[-1], dtype=q.dtype)


def _completed(q):
    """The columns, those that depend on the ones before them replaced."""
    columns, factor = ops.qr(q)
    signs = ops.diagonal(factor)
    return columns * ops.where(signs < 0, -ops.ones_like(signs), ops.ones_like(signs))


def _norm(m):
    return ops.sqrt(ops.sum(ops.square(m)))


def _root_less_one(gap):
    """`(I + G)^(-1/2) - I` for a small `G`, by the terms up to `G^6`, and `||G^3||_F`."""
    square = gap @ gap
    cube = square @ gap
    one, two, three, *more = SERIES
    low = one * gap + two * square + three * cube
    return low + cube @ (more[0] * gap + more[1] * square + more[2] * cube), _norm(cube)


def _by_decomposition(w, rotation):
    peak = ops.max(ops.abs(w))
    scaled = w / ops.where(peak > 0, peak, ops.ones_like(peak))
    # Multiplied by `@`: `ops.matmul` takes float64 down to float32 on PyTorch (Keras 3.15.1).
    u, _, v = ops.svd(scaled, full_matrices=False)
    if backend.backend() == "tensorflow":
        u, v = orthonormal(u), ops.transpose(orthonormal(ops.transpose(v)))
    if rotation:
        last = ops.arange(w.shape[0]) == w.shape[0] - 1
        turned = ops.logical_and(last, ops.logical_not(is_rotation(u @ v)))
        u = ops.where(turned, -u, u)
    q = u @ v
    for _ in range(POLISHING_STEPS):
        q = polished(q)
    return q
