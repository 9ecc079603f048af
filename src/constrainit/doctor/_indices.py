"""Numbers between the rows of a table: an index is cut to a whole number without a word."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from constrainit._shapes import input_specs, paired
from constrainit.doctor._entering import note_in_prediction
from constrainit.doctor._statistics import to_numpy


@dataclass(frozen=True)
class CutEvidence:
    """A table, or an input of whole numbers, that is given fractions.

    Attributes:
        layer: Its name.
        share: The share of the numbers that are no whole ones.
        low: The least of them.
        high: The largest of them.
        read: How many different whole numbers are left.
        rows: How many rows the table has; 0 for an input.
        part: Which array of the inputs it is given, in the order of `keras.tree.flatten`.
        columns: Which columns of that; None where it is given something else.
    """

    layer: str
    share: float
    low: float
    high: float
    read: int
    rows: int
    part: int = 0
    columns: tuple[int, ...] | None = None


def cut_indices(problem: Any) -> list[CutEvidence]:
    """The tables that are asked for rows by fractions, in one pass; none without fractions."""
    parts = keras.tree.flatten(problem.x)
    tables = [
        layer for layer in problem.model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
    ]  # fmt: skip
    # What the doctor drew by itself is nobody's mistake.
    if not tables or problem.drawn or not any(_share(part) for part in parts):
        return []
    found: dict[str, CutEvidence] = {}
    # A functional model brings its inputs to their dtype before any layer sees them.
    specs = input_specs(problem.model)
    for spec, part in () if specs is None else paired(specs, problem.x):
        if spec is not None and "int" in keras.backend.standardize_dtype(spec.dtype):
            _note(found, spec.name, part, 0)
    note_in_prediction(
        problem,
        tables,
        lambda layer, inputs: _note(found, layer.name, inputs, layer.input_dim, parts),
    )
    return list(found.values())


def _note(found, name, part, rows, given=()):
    share = _share(part)
    if share and name not in found:
        value = to_numpy(part)
        read = np.unique(np.trunc(value)).size
        at, columns = _columns(value, given)
        found[name] = CutEvidence(
            name, share, float(value.min()), float(value.max()), int(read), int(rows), at, columns
        )


def _columns(value, given):
    """Which of some arrays holds all columns of another one, and which they are there."""
    value = value.reshape(len(value), -1) if value.ndim < 3 else value
    for at, part in enumerate(given):
        table = to_numpy(part)
        if table.ndim != 2 or value.ndim != 2 or len(table) != len(value):
            continue
        same = [(table == column[:, None]).all(axis=0) for column in value.T]
        if all(one.any() for one in same):
            return at, tuple(int(one.argmax()) for one in same)
    return 0, None


def _share(part):
    """The share of the numbers of an array that are no whole ones; 0 if it is not finite."""
    if part is None or "float" not in keras.backend.standardize_dtype(part.dtype):
        return 0.0
    value = to_numpy(part)
    return float(np.mean(value != np.trunc(value))) if np.isfinite(value).all() else 0.0
