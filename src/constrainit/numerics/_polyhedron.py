"""Euclidean projection onto the solutions of linear inequalities."""

import math

import ml_dtypes
import numpy as np
from keras import backend, ops

from constrainit._compile import repeated

from ._limits import at_least, at_most
from ._norms import safe_norm

_ROUNDS = 10
_GUESSES = 8
"""Rounds in which all active inequalities change at once, and as many in which some are let go."""

_APART = 1e-4
"""Rows of norm one that are so near to combinations of others are no active ones to begin with."""

_DEPENDENT = 512.0
"""A row is a combination of the active ones if what is left of it is so many roundings of the
parts that make it up."""


def project_polyhedron(w, matrix, bounds, inner=None):
    """Nearest point of `{x : matrix @ x <= bounds}` to each row of `w`.

    The dual method of active sets: the image is `w - y @ matrix` for one multiplier `y >= 0` for
    each inequality. It begins with those active that are found when in each round all change at
    once that are violated, or have a multiplier below zero: mostly they are the right ones. If not,
    those are let go whose multiplier is below zero. Each further round takes the inequality that is
    violated most and goes along it, at right angles to the active ones, until it holds with
    equality and becomes active, or until a multiplier of an active one is zero and that one is let
    go. The inverse of the inner products of the active rows is kept, so that a round is some
    products with it, and the active ones never depend on one another. There are about as many
    rounds as inequalities come and go. What the first steps leave of the rounding of a large `w`
    across the active faces is taken out by the same inverse in each round. What is not found in
    ten rounds for each inequality is drawn towards an inner point, until it is inside.

    Args:
        w: Float tensor `(units, entries)` without NaN or infinity.
        matrix: Array `(inequalities, entries)` with rows of norm one.
        bounds: Array with one number for each inequality, of which some point obeys all.
        inner: A point for which all of them hold with room to spare; None if there is none.

    Sources: D. Goldfarb, A. Idnani, "A numerically stable dual method for solving strictly convex
    quadratic programs", 1983; the start: M. Hintermüller, K. Ito, K. Kunisch, "The primal-dual
    active set strategy as a semismooth Newton method", 2002.
    """
    exact = float(ml_dtypes.finfo(backend.standardize_dtype(w.dtype)).eps)
    rows, gram, level = (
        ops.convert_to_tensor(part, dtype=w.dtype)
        for part in (matrix, matrix @ matrix.T, np.asarray(bounds)[None])
    )
    count = len(matrix)
    least = exact**2 * safe_norm(w, (1,))

    def slack(image):
        return level - image @ ops.transpose(rows)

    def times(inverse, x):
        return (inverse @ x[:, :, None])[:, :, 0]

    def loose(image):
        return 4 * exact * safe_norm(image, (1,)) + least

    def open_(turn, y, image, active, entering, inverse, going):
        return ops.any(going)

    def round_(turn, y, image, active, entering, inverse, going):
        # A unit that is found stays: what it becomes must not depend on its neighbours.
        still = ops.cast(going, w.dtype)
        for _ in range(2):
            off = times(inverse, slack(image) * active) * still
            y, image = at_least(y - off, 0.0), image + off @ rows
        left = slack(image)
        outside = ops.where(active > 0, ops.zeros_like(left), -left)
        violated = ops.max(outside, axis=1, keepdims=True) > loose(image)
        most = _first(outside) * ops.cast(violated, w.dtype)
        pending = ops.max(entering, axis=1, keepdims=True) > 0
        entering = ops.where(pending, entering, most) * still
        # What the active rows have of the entering one, and how far it is from them.
        shared = (entering @ gram) * active
        part = times(inverse, shared)
        part = part + times(inverse, shared - (part @ gram) * active)
        way = entering - part
        move = way @ rows
        apart = ops.sum(ops.square(move), axis=1, keepdims=True)
        parts = ops.sum(ops.abs(way), axis=1, keepdims=True)
        free = apart > ops.square(_DEPENDENT * exact * parts)
        apart = ops.where(free, apart, ops.ones_like(apart))
        whole = at_least(-ops.sum(left * entering, axis=1, keepdims=True), 0.0) / apart
        whole = ops.where(free, whole, ops.full_like(whole, math.inf))
        falls = ops.logical_and(active > 0, part > exact)
        until = ops.where(falls, y / ops.where(falls, part, ops.ones_like(part)), math.inf)
        first = ops.min(until, axis=1, keepdims=True)
        length = at_most(whole, first)
        # Else it is a combination of active ones that can not give way: for rounding, as all hold
        # somewhere.
        going = ops.logical_and(ops.max(entering, axis=1, keepdims=True) > 0, length < math.inf)
        length = ops.where(going, length, ops.zeros_like(length))
        y, image = y + length * way, image - length * move
        # It becomes active, or another one is let go.
        joins = ops.cast(ops.logical_and(going, whole <= first), w.dtype)
        leaves = ops.cast(ops.logical_and(going, whole > first), w.dtype)
        gone = _first(-until) * leaves
        inverse = _without(inverse + _square(way, joins / apart), gone)
        active = active + joins * entering - gone
        y, entering = at_least(y, 0.0) * (1 - gone), entering * (1 - joins)
        return turn + 1, y, image, active, entering, inverse, going

    def solved(active):
        inverse, apart = _inverse(gram, active, 16 * count * exact)
        y, image = ops.zeros_like(active), w
        for _ in range(3):
            off = times(inverse, slack(image) * active)
            y, image = y - off, image + off @ rows
        return y, image, inverse, apart

    def guess(turn, active, going):
        y, image, _, _ = solved(active)
        violated = ops.cast(-slack(image) > loose(image), w.dtype)
        adds = ops.cast(turn < _GUESSES, w.dtype)
        after = ops.where(active > 0, ops.cast(y >= 0, w.dtype), violated * adds)
        return turn + 1, after, ops.any(after != active)

    def unknown(turn, active, going):
        return going

    active = ops.cast(-slack(w) > loose(w), w.dtype)
    state = (ops.convert_to_tensor(0), active, ops.any(active > 0))
    active = repeated(unknown, guess, state, 2 * _GUESSES)[1]
    y, image, inverse, apart = solved(active)
    begun = ops.logical_and(ops.min(y, axis=1, keepdims=True) >= 0, apart > _APART)
    y, active = (ops.where(begun, one, ops.zeros_like(one)) for one in (y, active))
    image = ops.where(begun, image, w)
    inverse = ops.where(begun[:, :, None], inverse, ops.zeros_like(inverse))
    going = ops.max(-slack(image), axis=1, keepdims=True) > loose(image)
    state = (ops.convert_to_tensor(0), y, image, active, ops.zeros_like(y), inverse, going)
    image = repeated(open_, round_, state, _ROUNDS * (count + 1))[2]
    if inner is None:
        return image
    inner = ops.convert_to_tensor(np.asarray(inner)[None], dtype=w.dtype)
    room, taken = slack(inner), (image - inner) @ ops.transpose(rows)
    share = ops.where(taken > room, room / ops.where(taken > room, taken, 1.0), 1.0)
    share = ops.min(share, axis=1, keepdims=True)
    found = ops.min(slack(image), axis=1, keepdims=True) >= -loose(image)
    return ops.where(found, image, inner + share * (image - inner))


def _inverse(gram, active, jitter):
    """The inverse of the inner products of the active rows, and how far they are from each other.

    That is the least distance of one from all combinations of those before it.
    """
    eye = ops.eye(gram.shape[0], dtype=gram.dtype)
    both = active[:, :, None] * active[:, None, :]
    lower = ops.cholesky(both * gram + ((1 - active)[:, :, None] + jitter) * eye)
    root = ops.solve_triangular(lower, ops.broadcast_to(eye, ops.shape(lower)), lower=True)
    inverse = ops.transpose(root, (0, 2, 1)) @ root
    return both * inverse, ops.min(ops.sum(lower * eye, axis=2), axis=1, keepdims=True)


def _first(x):
    """One for the first of the largest entries of each row, zero for the others."""
    largest = ops.cast(x >= ops.max(x, axis=1, keepdims=True), x.dtype)
    return largest * ops.cast(ops.cumsum(largest, axis=1) <= 1, x.dtype)


def _square(x, factor):
    """The products of the entries of each row of `x`, times a factor."""
    return factor[:, :, None] * x[:, :, None] * x[:, None, :]


def _without(inverse, gone):
    """The inverses without one of the rows that they are of, each, if any is marked."""
    column = (inverse @ gone[:, :, None])[:, :, 0]
    at = ops.sum(column * gone, axis=1, keepdims=True)
    inverse = inverse - _square(column, 1 / ops.where(at > 0, at, ops.ones_like(at)))
    return inverse * (1 - gone[:, :, None]) * (1 - gone[:, None, :])


def least_member(matrix: np.ndarray, bounds: np.ndarray) -> np.ndarray | None:
    """The point of `{x : matrix @ x <= bounds}` nearest to zero in float64; None if it is empty.

    Least squares with multipliers of at least zero, solved by active sets: the residual has the
    direction of the point, and is zero where there is none.

    Args:
        matrix: Array `(inequalities, entries)` without rows of zeros.
        bounds: Array with one number for each.

    Source: C. Lawson, R. Hanson, "Solving least squares problems", 1974, chapter 23, problem LDP.
    """
    size = np.linalg.norm(matrix, axis=1)
    matrix, bounds = matrix / size[:, None], bounds / size
    unit = np.abs(bounds).max()
    if (bounds >= 0).all():
        return np.zeros(matrix.shape[1])
    columns = -np.vstack([matrix.T, bounds / unit])
    rest = np.eye(len(columns))[-1] - columns @ _non_negative(columns)
    # One over the root of one plus the square of the distance, in units of the bounds.
    if np.linalg.norm(rest) < 1e-6:
        return None
    return -rest[:-1] / rest[-1] * unit


def inner_point(matrix: np.ndarray, bounds: np.ndarray, depth: float) -> np.ndarray:
    """A point of `{x : matrix @ x <= bounds}` that is about `depth` from the boundary, in float64.

    The mean square of its entries, less those of the member nearest to zero, and the square of what
    it lacks of the depth are together as small as can be. A depth of much more than there is gives
    the centre of a largest ball.

    Args:
        matrix: Array `(inequalities, entries)` with rows of norm one.
        bounds: Array with one number for each, of which some point obeys all.
        depth: A positive number.
    """
    foot = least_member(matrix, bounds)
    assert foot is not None
    spread = matrix.shape[1] ** 0.5
    # The depth that is lacking is one variable more, and weighs as much as all entries together.
    lifted = np.hstack([spread * matrix, -np.ones((len(matrix), 1))])
    found = least_member(lifted, np.maximum(bounds - matrix @ foot, 0.0) - depth)
    assert found is not None
    return foot + spread * found[:-1]


def way_out(matrix: np.ndarray) -> np.ndarray:
    """The shortest `x` with `matrix @ x <= -1` in as many rows as can be, and 0 in the others.

    Args:
        matrix: Array `(inequalities, entries)` with rows of norm one.
    """
    ways = [least_member(matrix, -one) for one in np.eye(len(matrix))]
    left = np.array([one is not None for one in ways])
    if not left.any():
        return np.zeros(matrix.shape[1])
    way = least_member(matrix, -1.0 * left)
    assert way is not None
    return way


def _non_negative(columns):
    """The `u >= 0` for which `columns @ u` is nearest to the last unit vector."""
    aim = np.eye(len(columns))[-1]
    size = np.linalg.norm(columns, axis=0)
    columns = columns / size
    u, used = np.zeros(columns.shape[1]), np.zeros(columns.shape[1], bool)
    for _ in range(10 * columns.shape[1] + 10):
        slope = np.where(used, -np.inf, columns.T @ (aim - columns @ u))
        best = int(np.argmax(slope))
        if slope[best] <= 1e-12:
            break
        used[best] = True
        while True:
            wanted = np.zeros_like(u)
            wanted[used] = np.linalg.lstsq(columns[:, used], aim, rcond=None)[0]
            low = used & (wanted <= 0)
            if not low.any():
                break
            # Back from the first that would be negative, without it.
            share = np.where(low, u / np.where(low, u - wanted, 1.0), np.inf)
            u = u + share.min() * (wanted - u)
            used &= share > share.min()
            u[~used] = 0.0
        u = wanted
    return u / size
