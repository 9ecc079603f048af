"""Curves and a heat map as SVG, for a page that needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 280, 96
_POINTS = 300
_CELLS = 120

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
        "lines": lines, "left": left, "right": right, "low": f"{low:.3g}", "high": f"{high:.3g}",
    }  # fmt: skip


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
