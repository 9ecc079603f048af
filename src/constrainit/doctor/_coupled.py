"""Along which axes a constraint of the user's own lets one entry of a weight change others."""

from collections.abc import Callable
from typing import Any

import numpy as np

from constrainit.doctor._constraint_calls import called
from constrainit.doctor._constraint_doubts import moved_again

_MOST = 1_000_000
_SIZES = (0.03, 1.0, 30.0)
"""Of entries that are nearly alike: what is divided by them, and bounds that they are beyond."""

_LEAST, _WIDEST = 3, 1000
_CHANGED = 1e-2
_WHOLE = 0.9
"""How many of the entries along its axes one has to change: shares and norms change them all."""


def rows_of(made: Any) -> tuple[int, ...] | None:
    """The axes along which the sums or norms of a constraint run, where they are no unit's.

    None where it is not known along which axes the layer has its units.

    Args:
        made: What is known of a constrained weight.
    """
    record = made.record
    sound = made.fault is None and made.image is not None and not made.repeat and not made.counted
    # A bias of a GRU has two rows, neither of which feeds a unit alone.
    if not sound or record.axes is None or record.argument == "bias":
        return None
    axes = coupled_axes(record.shape, lambda value: called(record, value))
    own = [axis for axis in record.axes if record.shape[axis] > 1]
    return None if axes is None or list(axes) == own else axes


def crossing(made: Any) -> float:
    """How far a constraint moves its own result whose sums of rows act on columns; 0 of others.

    That is what a reduction along the last axis of a square weight gives that loses it: its numbers
    are laid out along the columns then. It is of a drawn weight, as one whose entries are all alike
    does not show it.

    Args:
        made: What is known of a constrained weight.
    """
    shape = made.record.shape
    sound = made.fault is None and made.image is not None and not made.repeat and not made.counted
    if not sound or len(shape) != 2 or shape[0] != shape[1] or not _LEAST <= shape[0] <= _WIDEST:
        return 0.0
    draws, moved = np.random.default_rng(3), [0.0]
    for size in _SIZES:
        value = size * draws.uniform(0.5, 1.5, size=shape)
        if _crosses_at(value, made.record):
            moved.append(moved_again(called, made.record, value))
    return max(moved)


def _crosses_at(value, record):
    given, size = called(record, value), len(value)
    for row, column in [(0, size - 1), (size - 1, 0), (size // 2, size - 1)]:
        other = value.copy()
        other[row, column] *= 1 + size
        moved = called(record, other)
        if given is None or moved is None:
            return False
        changed = np.abs(moved - given) > _CHANGED * np.abs(given)
        changed[row, column] = False
        if changed[:, row].mean() < _WHOLE or np.delete(changed, row, axis=1).any():
            return False
    return True


def coupled_axes(
    shape: tuple[int, ...], image: Callable[[np.ndarray], np.ndarray | None]
) -> tuple[int, ...] | None:
    """The axes along which each entry depends on all the others, as in a sum or a norm.

    None if each goes by itself, if all depend on all, if it is only some of them that do, as
    neighbours, or if the weight is so large that asking is dear.

    Args:
        shape: That of the weight.
        image: What the constraint makes of a value, None where it fails.
    """
    wide = {axis for axis, size in enumerate(shape) if size > 1}
    if len(wide) < 2 or np.prod(shape) > _MOST:
        return None
    draws, found = np.random.default_rng(3), set()
    for size in _SIZES:
        value = size * draws.uniform(0.98, 1.02, size=shape)
        given = image(value)
        for place in [tuple(0 for _ in shape), tuple(n - 1 for n in shape)]:
            other = value.copy()
            other[place] *= 1 + max(shape)
            moved = image(other)
            if given is None or moved is None:
                return None
            found.add(_axes_between(given, moved, place))
    found.discard(())
    axes = next(iter(found), None)
    return axes if len(found) == 1 and axes is not None and set(axes) != wide else None


def _axes_between(given, moved, place):
    """The axes along which entries change with the one at a place; None if but a part of them."""
    changed = np.abs(moved - given) > _CHANGED * np.abs(given)
    changed[place] = False
    there = np.argwhere(changed)
    axes = tuple(int(axis) for axis in np.flatnonzero((there != place).any(axis=0)))
    others = np.prod([given.shape[axis] for axis in axes], dtype=int) - 1
    return axes if len(there) >= _WHOLE * others else None
