"""The gates of recurrent cells, which lie side by side in one weight, and sets that cut them."""

from collections.abc import Iterator
from typing import Any

import keras

from constrainit._warning import warn
from constrainit.sets import Blocks, Intersection

GATES = {keras.layers.LSTMCell: 4, keras.layers.GRUCell: 3}
"""How many gates the weights of a cell hold side by side."""


def gates_of(layer: Any) -> int:
    """How many gates lie side by side along the last axis of a cell's weights; 1 for no cell."""
    if type(layer).__name__ == "ConvLSTMCell":
        return 4
    return next((n for kind, n in GATES.items() if isinstance(layer, kind)), 1)


def cut_across(a_set: Any, layer: Any, shape: tuple[int, ...]) -> Blocks | None:
    """The blocks of a set of which none is a gate, or a part of one, and that hold as a whole.

    Where a set speaks of each column by itself, it is of no matter which columns are in a block.
    """
    gates, rank = gates_of(layer), len(shape)
    for blocks in _blocks_in(a_set):
        last = blocks.axis % rank == rank - 1
        whole = any(axis % rank == rank - 1 for axis in blocks.set._units(rank))
        if gates > 1 and last and whole and blocks.count > 1 and blocks.count % gates:
            return blocks
    return None


def _blocks_in(a_set: Any) -> Iterator[Blocks]:
    if isinstance(a_set, Blocks):
        yield a_set
    elif isinstance(a_set, Intersection):
        for one in a_set.sets:
            yield from _blocks_in(one)
    elif hasattr(a_set, "set"):
        yield from _blocks_in(a_set.set)


def told_of(blocks: Blocks, layer: Any) -> str:
    """What is wrong with blocks that are cut across the gates of a layer."""
    return (
        f"{blocks.count} blocks, but the weight of {type(layer).__name__} has the matrices of "
        f"{gates_of(layer)} gates side by side: no block is that of a gate"
    )


def warn_if_cut_across(a_set: Any, layer: Any, shape: tuple[int, ...], path: str) -> None:
    """Warns, at the user's line, of blocks that are cut across the gates of a cell."""
    blocks = cut_across(a_set, layer, tuple(shape))
    if blocks is not None:
        inner, gates = type(blocks.set).__name__, gates_of(layer)
        warn(
            f"The constraint of {path!r} {tuple(shape)} holds for {told_of(blocks, layer)}. Write "
            f"Blocks({inner}(...), {gates})."
        )
