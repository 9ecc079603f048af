"""Remedies for codes of categories that were scaled as if they were measurements."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._remedy import Changed, with_other

_NEAR = 0.02
"""How far from a whole number of steps, by rounding, what lies on a grid may be."""


@dataclass(frozen=True)
class _Grid:
    """Numbers that lie at whole multiples of a step from the least of them.

    Attributes:
        low: What has the code 0.
        step: How far apart neighbours are.
        count: How many codes there are up to that of the largest.
    """

    low: float
    step: float
    count: int


def whole_again(problem, evidence, found):
    """The columns that tables are given, as the whole numbers that they were before any scaling.

    Of what was divided by one number the codes begin where they did; of columns that were scaled
    each by itself, those of one column behind those of the last.
    """
    names = {finding.layer for finding in found}
    parts, lines = [to_numpy(part) for part in keras.tree.flatten(problem.x)], []
    for one in [cut for cut in evidence.cut if cut.layer in names]:
        if one.columns is None or not one.rows:
            return None
        part = parts[one.part] = np.array(parts[one.part])
        columns = list(one.columns)
        made = _codes(part[:, columns], one.rows)
        if made is None:
            return None
        part[:, columns], low, step, first = made
        keys = sorted(problem.x) if isinstance(problem.x, dict) else range(len(parts))
        x = f"x[{keys[one.part]!r}]" if keras.tree.is_nested(problem.x) else "x"
        lines.append(
            f"# {one.layer!r}: better give these columns as they were before they were scaled\n"
            f"columns, low, step = {columns}, {low}, {step}\n"
            f"{x}[:, columns] = np.rint(({x}[:, columns] - low) / step) + {first}"
        )
    if not lines:
        return None
    given = keras.tree.flatten(problem.x)
    whole = [ops.cast(new, old.dtype) for new, old in zip(parts, given, strict=True)]
    x = keras.tree.pack_sequence_as(problem.x, whole)
    said = "what the tables are given is brought back to whole numbers"
    return Changed(said, with_other(problem, x=x), "\n".join(lines))


def _codes(values: Any, rows: int) -> tuple[Any, list[float], list[float], list[int]] | None:
    """Codes, and the least number, the step and the first code of each column; None if unknown."""
    whole = _grid(values)
    if whole is not None and whole.count <= rows:
        begin = whole.low / whole.step
        # What zero is a part of was divided only.
        from_zero = 0 <= begin <= rows - whole.count and abs(begin - round(begin)) < _NEAR
        grids = [_Grid(0.0 if from_zero else whole.low, whole.step, 0)] * values.shape[1]
    else:
        each = [_grid(values[:, place]) for place in range(values.shape[1])]
        grids = [grid for grid in each if grid is not None]
        if len(grids) < len(each) or sum(grid.count for grid in grids) > rows:
            return None
    low, step = ([float(f"{number:.6g}") for number in ends] for ends in zip(
        *((grid.low, grid.step) for grid in grids), strict=True
    ))  # fmt: skip
    first = [int(sum(grid.count for grid in grids[:place])) for place in range(len(grids))]
    codes = np.rint((values - np.array(low)) / np.array(step)) + first
    return codes, low, step, first


def _grid(values: Any) -> _Grid | None:
    """The widest grid that all of some numbers lie on; None if there is none to speak of."""
    known = np.unique(values.astype("float64"))
    span = known[-1] - known[0]
    step = 0.0
    for apart in np.diff(known):
        one, other = max(step, apart), min(step, apart)
        # The largest number of which both are multiples, but for rounding.
        while other > 1e-5 * span:
            one, other = other, abs(one - other * round(one / other))
        step = one
    if not step > 0:
        return None
    places = (known - known[0]) / step
    fits = np.abs(places - np.rint(places)).max() < _NEAR
    return _Grid(float(known[0]), float(step), int(np.rint(span / step)) + 1) if fits else None
