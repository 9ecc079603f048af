"""Passes over two weights at once on PyTorch, block by block.

It computes each operation by itself. What operations make lies in one small piece of memory: the
system may take back a piece of the size of a weight as soon as it is free, and to get it anew costs
more than the numbers that are put into it.
"""

from collections.abc import Iterator
from typing import Any

import torch

from constrainit._precision import widened

_BLOCK = 2**17
"""The entries of a block for each thread, half a MiB of float32."""


def squares_of_change(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The sum of squares of the difference of two matrices."""
    found = [_squares(torch.sub(a, b, out=room)) for a, b, room in _blocks(x, y)]
    return found[0] if len(found) == 1 else torch.stack(found).sum()


def of_both(
    old: torch.Tensor, new: torch.Tensor, low: float | None, high: float | None, columns: bool
) -> tuple[list[Any], torch.Tensor | None, torch.Tensor | None]:
    """Of two matrices what `_log_sums.of_both` gives, but counts in place of shares.

    Returns:
        Least entry, largest entry, sum, sum of squares, of the old matrix and of the new one; the
        sum of squares of their difference; how many entries differ; how many of the new one lie at
        a bound: numbers of Python on a processor, where PyTorch takes longer for an operation on
        a single one, and tensors elsewhere. Then, if they are asked for, the sums of squares of
        the columns of the difference and of the new matrix.
    """
    found, moves, sizes = [], [], []
    for one, other, room in _blocks(old, new):
        change = torch.sub(one, other, out=room)
        if columns:
            moves.append(change.mul_(change).sum(0))
            moved = moves[-1].sum()
            sizes.append(torch.mul(other, other, out=room).sum(0))
        else:
            moved = _squares(change)
        differ = torch.ne(one, other, out=room).sum()
        first = _sums(one)
        # Where nothing moved nothing new is to be said; a GPU is not waited for.
        second = first if one.device.type == "cpu" and not differ else _sums(other)
        at_bound = torch.zeros_like(differ)
        for bound, compare in ((low, torch.le), (high, torch.ge)):
            if bound is not None:
                at_bound = at_bound + compare(other, bound, out=room).sum()
        found.append(torch.stack([*first, *second, moved, differ, at_bound]))
    moves_of, sizes_of = (torch.stack(of).sum(0) if of else None for of in (moves, sizes))
    every = torch.stack(found)
    if old.device.type != "cpu":
        return list(every[0].unbind()), moves_of, sizes_of
    of_blocks = list(zip(*every.tolist(), strict=True))
    numbers: list[Any] = [*map(sum, of_blocks)]
    for place in (0, 4):
        numbers[place], numbers[place + 1] = min(of_blocks[place]), max(of_blocks[place + 1])
    return numbers, moves_of, sizes_of


def _sums(x):
    return [*x.aminmax(), x.sum(), _squares(x)]


def _squares(x):
    flat = x.reshape(-1)
    return flat.dot(flat)


def _blocks(x, y) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Rows of two matrices, and room for as many numbers."""
    count, width = x.shape
    if x.device.type == "cpu":
        count = max(1, _BLOCK * torch.get_num_threads() // width)
    room = None
    for a, b in zip(x.split(count), y.split(count), strict=True):
        a, b = widened(a), widened(b)
        room = torch.empty_like(a) if room is None else room[: len(a)]
        yield a, b, room
