"""Cayley's map: an orthogonal matrix that moves from a base as a free matrix does."""

import keras
from keras import ops

from constrainit._compile import choose, mended

from ._inverse import inverse_by_halves
from ._limits import between
from ._polar import polished
from ._products import plus_product

# Further than this from the base, in the norm of a column, a new base is needed.
FAR = 1.0
# A step of any size stays below this: beyond it the map loses digits.
MOST = 2.0
_LARGEST = 1e14


def cayley(x, base):
    """The orthogonal matrix that is `B` for `x = 0`, and near it moves as the tangent part of `x`.

    - square: `Q = (I - A / 2)^-1 (I + A / 2) B` with `A = (x - x') / 2`;
    - tall: the same with `A = P B' - B P'` and `P = x - B B'x / 2`, which is of rank `2 k`: a
      system of size `2 k`, and no matrix larger than the weight;
    - wide: its transpose.

    Args:
        x: Finite float tensor `(rows, columns)`.
        base: A matrix of this shape with orthonormal columns, or rows where it is wide.

    Source: Z. Wen, W. Yin, "A feasible method for optimization with orthogonality constraints",
    2013.
    """
    rows, columns = x.shape
    if rows < columns:
        return ops.transpose(cayley(ops.transpose(x), ops.transpose(base)))
    return (_square if rows == columns else _tall)(x, base)


def is_far(x):
    """Whether `x` is so long that a new base is needed, before digits are lost."""
    return _length(ops.transpose(x) if x.shape[0] < x.shape[1] else x) > FAR


def _length(x):
    """The largest norm of a column; infinite where its square is."""
    return ops.sqrt(ops.max(ops.sum(ops.square(x), axis=0)))


def _within(x, near):
    """`x` where it is near, else what of the length `MOST` lies the same way."""
    return _where_near(near, x, lambda: _drawn_in(x))


def _drawn_in(x):
    held = _clipped(x)
    return held * _share(held)


def _slope_within(slope, x, near):
    """The gradient along `x`, from that along what is made of it."""

    def drawn_in():
        held = _clipped(x)
        return ops.where(held == x, slope * _share(held), ops.zeros_like(slope))

    return _where_near(near, slope, drawn_in)


def _where_near(near, x, otherwise):
    """`x`, or else what near ones give as well: JAX would copy a tall one in a branch."""
    if keras.backend.backend() == "jax" and x.shape[0] > x.shape[1]:
        return otherwise()
    return choose(near, lambda: x, otherwise)


def _clipped(x):
    return between(x, -_LARGEST, _LARGEST)


def _share(x):
    return ops.stop_gradient(MOST / ops.maximum(_length(x), MOST))


@ops.custom_gradient
def _tall(x, base):
    """`x F + B H` with small `F` and `H`, and its gradient along `x`.

    Of the size of a weight there are `x`, which it keeps, and what it gives: the rest is computed
    from `X'X` and `B'X`, with `B'B = I`.
    """
    columns, turned, eye = x.shape[1], ops.transpose(base), ops.eye(x.shape[1], dtype=x.dtype)
    square = ops.transpose(x) @ x
    near = ops.sqrt(ops.max(ops.diagonal(square))) <= FAR
    held = _within(x, near)
    square = _where_near(near, square, lambda: ops.transpose(held) @ held)
    along = turned @ held
    # `V'U` and `V'B` of `A = U V'` with `U = [P, B]` and `V = [B, -P]`.
    inner = _of_four(0.5 * along, eye, 0.75 * (ops.transpose(along) @ along) - square,
                     -0.5 * ops.transpose(along))  # fmt: skip
    system = ops.eye(2 * columns, dtype=x.dtype) - 0.5 * inner
    share = ops.solve(system, ops.concatenate([eye, -0.5 * ops.transpose(along)]))
    first, last = share[:columns], share[columns:]
    q = plus_product(held @ first, base, eye + last - 0.5 * (along @ first), over=True)

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        seen = turned @ upstream
        of_first = ops.transpose(held) @ upstream - 0.5 * (ops.transpose(along) @ seen)
        solved = ops.solve(ops.transpose(system), ops.concatenate([of_first, seen]))
        above, below, turn = solved[:columns], solved[columns:], ops.transpose(first)
        even = 0.5 * (below @ turn)
        even = even + ops.transpose(even)
        of_along = 0.25 * (above @ turn - last @ ops.transpose(below)) + 0.75 * (along @ even)
        of_along = of_along - 0.5 * (ops.transpose(below) + seen @ turn)
        slope = plus_product(upstream @ turn, base, of_along, over=True)
        slope = plus_product(slope, held, -even, over=True)
        return _slope_within(slope, x, near), _nothing(base)

    return mended(near, q, lambda q: polished(polished(q))), gradient


def _of_four(one, two, three, four):
    """A matrix of four blocks, in two rows of two."""
    above, below = ops.concatenate([one, two], axis=1), ops.concatenate([three, four], axis=1)
    return ops.concatenate([above, below])


def _nothing(base):
    """The gradient along a base, of no memory of its own on PyTorch."""
    return ops.broadcast_to(ops.zeros((), dtype=base.dtype), base.shape)


@ops.custom_gradient
def _square(x, base):
    """`(I - A / 2)^-1 (I + A / 2) B`, with its gradient along `x` in two products.

    The base is an argument: on JAX an export differentiates by all variables, and may not find one
    of them in a closure. None moves by its gradient.
    """
    near = _length(x) <= FAR
    inverse = inverse_by_halves(ops.eye(x.shape[0], dtype=x.dtype) - _quarter(_within(x, near)))
    twice = inverse @ base
    twice *= 2.0
    q = twice - base

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        slope = _quarter((ops.transpose(inverse) @ upstream) @ ops.transpose(twice))
        return _slope_within(slope, x, near), _nothing(base)

    return choose(near, lambda: q, lambda: polished(polished(q))), gradient


def _quarter(x):
    """`(X - X') / 4`: half of `A`, and of its gradient half goes to `X`."""
    found = x - ops.transpose(x)
    found *= 0.25
    return found
