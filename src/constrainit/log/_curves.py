"""Curves and a heat map as SVG, for a page that needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from constrainit.log._outline import Stretch

WIDTH, HEIGHT = 280, 96
_CELLS = 120
_UP = 24


def curve(named: Mapping[str, Sequence[Stretch]]) -> dict[str, Any] | None:
    """What the template draws of some curves: lines or bands, and the ends of both axes.

    A band goes along the largest numbers of the stretches and back along the least.

    Args:
        named: By the name of the CSS class the stretches in order.

    Returns:
        None where there is no number.
    """
    held = {name: list(stretches) for name, stretches in named.items() if stretches}
    every = [stretch for stretches in held.values() for stretch in stretches]
    if not every:
        return None
    left, right = min(s[0] for s in every), max(s[1] for s in every)
    ends = [min(s[2] for s in every), max(s[3] for s in every)]
    # What is infinite lies at the edge of what is not.
    finite = [y for s in every for y in s[2:] if math.isfinite(y)] or [0.0]
    low, high = min(finite), max(finite)

    def place(begin, end, y):
        across = ((begin + end) / 2 - left) / max(right - left, 1)
        y = min(max(y, low), high)
        # By halves: the difference of two numbers of float32 always fits, of float64 not.
        up = 0.5 if high == low else (y / 2 - low / 2) / (high / 2 - low / 2)
        return f"{across * WIDTH:.1f},{(1 - up) * HEIGHT:.1f}"

    lines, bands = {}, {}
    for name, stretches in held.items():
        above = [place(s[0], s[1], s[3]) for s in stretches]
        if all(s[2] == s[3] for s in stretches):
            lines[name] = " ".join(above if len(above) > 1 else 2 * above)
        else:
            below = [place(s[0], s[1], s[2]) for s in reversed(stretches)]
            bands[name] = " ".join(above + below)
    return {
        "lines": lines, "bands": bands, "left": left, "right": right,
        "low": _end(ends[0]), "high": _end(ends[1]),
    }  # fmt: skip


def _end(number):
    """The end of an axis, without minus zero."""
    return f"{number + 0.0:.3g}"


def heat(
    stretches: Sequence[Stretch], first: int, last: int, most: int = _CELLS
) -> list[float | None]:
    """A number between 0 and 1 over time as a row of cells, the largest of each.

    Args:
        stretches: In order.
        first: The step at which the row begins.
        last: The step at which it ends.
        most: How many cells there are at most.
    """
    count = min(most, last - first + 1)
    cells: list[float | None] = [None] * count
    for begin, end, _, y in stretches:
        # A stretch may lie across two cells: which one it is in is not known.
        for step in {begin, end}:
            at = min(count - 1, (step - first) * count // max(last - first, 1))
            cells[at] = max(y, cells[at] or 0.0)
    return _carried(cells)


def _carried(cells):
    """What was not logged at a time is as it was before."""
    made, known = [], None
    for cell in cells:
        known = known if cell is None else cell
        made.append(known)
    return made


def last_of_each(rows: Sequence[Any], most: int) -> list[Any]:
    """Of many rows the last of each stretch."""
    count = min(most, len(rows))
    return [rows[(i + 1) * len(rows) // count - 1] for i in range(count)]


def spread(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any] | None:
    """Histograms over time as cells: how full they are, and the ends of both axes.

    Args:
        rows: Step, counts, least and largest entry, in order, each a column.

    Returns:
        None where there is no histogram.
    """
    if not rows:
        return None
    low, high = min(row[2] for row in rows), max(row[3] for row in rows)
    edges = np.linspace(low, high, _UP + 1)
    columns = [_rebinned(edges, *row[1:]) for row in rows]
    # The root: a few weights far away from many others are seen, too.
    full = np.sqrt(np.array(columns))
    return {
        "cells": [(x, _UP - 1 - y, full[x, y]) for x, y in np.argwhere(full > 0.005).tolist()],
        "across": len(rows), "up": _UP, "left": rows[0][0], "right": rows[-1][0],
        "low": _end(low), "high": _end(high),
    }  # fmt: skip


def _rebinned(edges, counts, least, most):
    """The shares of a histogram in other bins."""
    if least == most or edges[0] == edges[-1]:
        place = np.searchsorted(edges[1:-1], least, side="right")
        return np.eye(len(edges) - 1)[place]
    below = np.concatenate([[0.0], np.cumsum(counts, dtype="float64")])
    own = np.linspace(least, most, len(below))
    return np.diff(np.interp(edges, own, below / max(below[-1], 1.0)))
