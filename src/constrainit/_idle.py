"""Sets that hold nothing back of a weight of some shape, or that leave nearly nothing of it."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from constrainit._folding import Folding
from constrainit._warning import warn
from constrainit._words import counted
from constrainit.sets import (
    Banded,
    Circulant,
    Concave,
    Convex,
    Fixed,
    Intersection,
    LowRank,
    Masked,
    Monotone,
    PositiveSemidefinite,
    Sign,
    Symmetric,
    Toeplitz,
    TopK,
    Triangular,
    Unimodal,
)
from constrainit.sets.conflicts import rest

_BENDS, _PAIR = 3, 2
"""So many neighbours can turn or bend, and be in order."""


def warn_if_idle(a_set: Any, shape: tuple[int, ...], path: str) -> None:
    """Warns, at the user's line, of what holds nothing back of a weight, or leaves nearly nothing.

    It is no error: the set has the meaning that it has in a larger weight, and a pattern may give
    it to weights of all sizes.
    """
    for said in dict.fromkeys(idle(a_set, tuple(shape))):
        warn(f"The constraint of {path!r} {tuple(shape)} may not be what is meant: {said}")


def idle(a_set: Any, shape: tuple[int, ...], where: Any = True) -> Iterator[str]:
    """What in a set allows every weight of a shape, or with another one hardly any.

    Each with what to write instead.

    Args:
        a_set: A set whose axes are known.
        shape: A shape that it has members of.
        where: Of a mask, the entries that are used.
    """
    if isinstance(a_set, Masked):
        mask = np.broadcast_to(a_set._array, shape)
        if mask.all():
            yield (
                "`mask` of `Masked` leaves out no entry. Leave the mask out: "
                f"{type(a_set.set).__name__}(...)."
            )
        yield from idle(a_set.set, shape, mask)
    elif isinstance(a_set, Intersection):
        for one in a_set.sets:
            yield from idle(one, shape, where)
        yield from filter(None, [rest(a_set.sets, shape)])
    elif hasattr(a_set, "_pieces"):
        for one, size in a_set._pieces(shape[a_set.axis]):
            yield from idle(one, a_set._block(shape, size))
    elif hasattr(a_set, "set"):
        yield from idle(a_set.set, shape, where)
    else:
        yield from filter(None, (_of_count(a_set, shape, where), _of_pattern(a_set, shape)))


def _of_count(a_set, shape, where):
    """Of sets that say how many entries, singular values or diagonals may differ from zero."""
    rank, kind = len(shape), type(a_set).__name__
    if isinstance(a_set, TopK):
        units = sorted(a % rank for a in a_set._units(rank))
        most = int(Folding(shape, units).array(where).sum(axis=0).max())
        if a_set.k >= most:
            return _more(f"k={a_set.k}", kind, f"a unit has {counted(most, 'weight')}", "k", most)
    if isinstance(a_set, LowRank):
        height, width = a_set._folding(shape).size
        size, most = f"a matrix of {height}x{width}", min(height, width)
        if a_set.rank >= most:
            return _more(f"rank={a_set.rank}", kind, f"the weight is {size}", "rank", most)
    if isinstance(a_set, PositiveSemidefinite) and (a_set.rank or 0) >= shape[-1]:
        size = f"a matrix of {shape[-1]}x{shape[-1]}"
        return _more(f"rank={a_set.rank}", kind, f"the weight is {size}", "rank", shape[-1])
    if isinstance(a_set, Banded | Triangular) and a_set._support(shape).all():
        height, width = shape[-2:]
        said = f"{a_set!r} keeps every entry of a matrix of {height}x{width}."
        if isinstance(a_set, Triangular):
            return said
        ways = [f"{name} of at most {size - 2}"
                for name, size in (("lower", height), ("upper", width)) if size > 1]  # fmt: skip
        return f"{said} Write {' or '.join(ways)}." if ways else said
    return ""


def _more(given, kind, why, name, most):
    """What is said of a number that nothing of this size can be above."""
    instead = f"Write a {name} of at most {most - 1}." if most > 1 else "Leave it out."
    return f"`{given}` of `{kind}` allows all, as {why}. {instead}"


def _of_pattern(a_set, shape):
    """Of sets that relate entries to one another, or speak of single ones."""
    kind = type(a_set).__name__
    if isinstance(a_set, Fixed) and not np.any(a_set.mask):
        return "`mask` of `Fixed` holds no entry."
    if isinstance(a_set, Sign) and not np.any(a_set.pattern):
        return "`pattern` of `Sign` leaves every sign free."
    if isinstance(a_set, Monotone | Convex | Concave | Unimodal):
        turns = not isinstance(a_set, Monotone) and getattr(a_set, "at", None) is None
        needed, length = _BENDS if turns else _PAIR, shape[a_set.axis]
        if length < needed:
            return (
                f"`{kind}` says something of {needed} weights or more along its axis. Received: "
                f"axis={a_set.axis}, along which there {'is' if length == 1 else 'are'} {length}. "
                "Give the axis of the weights that it is meant for."
            )
    if isinstance(a_set, Toeplitz | Circulant | Symmetric):
        sides = shape[-2:]
        if (min if isinstance(a_set, Toeplitz) else math.prod)(sides) == 1:
            return f"every matrix of {sides[0]}x{sides[1]} is one of `{kind}`."
    return ""
