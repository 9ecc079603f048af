"""Curves and a heat map as SVG, for a page that needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WIDTH, HEIGHT = 280, 96
_POINTS = 300
_CELLS = 120
_ACROSS, _UP = 40, 24

Pairs = Sequence[tuple[int, float | None]]


def thinned(pairs: Pairs) -> list[tuple[int, float]]:
    """At most some hundred points, the extremes of each stretch among them.

    A peak of one step is what one looks for; every n-th point would lose it.
    """
    known = [(step, y) for step, y in pairs if y is not None]
    if len(known) <= _POINTS:
        return known
    size, kept = math.ceil(2 * len(known) / _POINTS), []
    for start in range(0, len(known), size):
        part = known[start : start + size]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def curve(named: Mapping[str, Pairs]) -> dict[str, Any] | None:
    """What the template draws of some curves: paths, and the ends of both axes.

    Args:
        named: By the name of the CSS class, steps and numbers.

    Returns:
        None where there is no number.
    """
    held = {name: thinned(pairs) for name, pairs in named.items()}
    points = [point for pairs in held.values() for point in pairs]
    if not points:
        return None
    left, right = min(s for s, _ in points), max(s for s, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)

    def place(step, y):
        across = (step - left) / max(right - left, 1)
        # By halves: the difference of two numbers of float32 always fits, of float64 not.
        up = 0.5 if high == low else (y / 2 - low / 2) / (high / 2 - low / 2)
        return f"{across * WIDTH:.1f},{(1 - up) * HEIGHT:.1f}"

    lines = {
        name: " ".join(place(*point) for point in (pairs if len(pairs) > 1 else 2 * pairs))
        for name, pairs in held.items()
        if pairs
    }
    return {
        "lines": lines, "left": left, "right": right, "low": _end(low), "high": _end(high),
    }  # fmt: skip


def _end(number):
    """The end of an axis, without minus zero."""
    return f"{number + 0.0:.3g}"


def heat(pairs: Pairs, first: int, last: int) -> list[float | None]:
    """A number between 0 and 1 over time as a row of cells, the largest of each stretch."""
    count = min(_CELLS, last - first + 1)
    cells: list[float | None] = [None] * count
    for step, y in pairs:
        if y is not None:
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


def spread(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any] | None:
    """Histograms over time as cells: how full they are, and the ends of both axes.

    Args:
        rows: Step, counts, least and largest entry, in order.

    Returns:
        None where there is no histogram of finite entries.
    """
    rows = [row for row in rows if row[2] is not None and row[3] is not None]
    if not rows:
        return None
    # Of many the last of each stretch.
    count = min(_ACROSS, len(rows))
    rows = [rows[(i + 1) * len(rows) // count - 1] for i in range(count)]
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
