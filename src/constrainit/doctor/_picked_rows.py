"""Rows of a table of the user's own that the nearest of is picked: too wide to be picked at all."""

import contextlib
from dataclasses import dataclass

import numpy as np
from keras import ops
from keras.src import backend

from constrainit.doctor._additions import adding_nothing
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, put, tried
from constrainit.doctor._own_calls import instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_FEW, _LEAST = 0.1, 2
"""The share of the rows that are picked at most, or how many."""

_ROWS, _PICKS = 8, 2
"""How many rows there are at least, and how many picks for each."""

_FAR = 4.0
"""By how many times the spread of the rows differs from that of what they are compared with."""

_STEPS = 200
_MISSED, _LOWER = 0.1, 0.5
"""What is missed at least with rows as given, and what is left of its loss with fitting ones."""


@dataclass(frozen=True)
class PickedRows:
    """A table few rows of which are picked, and with which a model trains once it is fitting.

    Attributes:
        record: The table.
        source: The user's own line that picks, where one is known.
        function: How it picks.
        picked: How many rows are picked for the batch.
        spreads: How far the rows deviate, and what they are compared with.
        start: The table with the deviation of what it is compared with.
        factor: What it was multiplied by.
        steps: How many steps were taken with each.
        losses: Of the data, on examples that are not trained on: at the start, after the steps as
            given, and after those from this start.
    """

    record: WeightRecord
    source: Source | None
    function: str
    picked: int
    spreads: tuple[float, float]
    start: np.ndarray
    factor: float
    steps: int
    losses: tuple[float, float, float]


def picked_rows(problem: Problem, evidence: Evidence, start: Values) -> PickedRows | None:
    """The table of the user's own of which next to no rows are picked, as they start far off.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    tables = [
        r for r in evidence.weights
        if r.variable.trainable and is_custom(r.layer) and len(r.shape) == 2
        and r.shape[0] >= _ROWS
    ]  # fmt: skip
    if not tables or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    with tried(problem, "a table that fits what it is compared with is"):
        put(start)
        for record, given, picks, function, source in _picks(problem, tables):
            rows, size = to_numpy(record.variable).astype("float64"), record.shape[0]
            count = len(np.unique(picks))
            flat = given.reshape(-1, given.shape[-1]).astype("float64")
            spreads = float(rows.std()), float(flat.std())
            if count > max(_LEAST, _FEW * size) or picks.size < _PICKS * size:
                continue
            # Of a batch that is all alike none but one can be the nearest.
            if not spreads[1] > 0 or not spreads[0] > _FAR * spreads[1]:
                continue
            factor = float(f"{spreads[1] / spreads[0]:.2g}")
            fitting = factor * rows
            first, as_given = _trained(problem, start, None)
            begin, other = _trained(problem, start, (record, fitting))
            # That a start is far worse is no gain of the steps.
            losses = min(first, begin), as_given, other
            if np.isfinite(losses).all() and misses(losses, _MISSED) and other < _LOWER * as_given:
                return PickedRows(
                    record, source, function, count, spreads, fitting, factor, _STEPS, losses
                )
    return None


def _trained(problem, start, fitting):
    """The loss of the data, of what is not trained on, before and after the steps."""
    given = {id(variable): value for variable, value in start}
    if fitting is not None:
        record, value = fitting
        given[id(record.variable)] = ops.cast(value, record.variable.dtype)
    halves = Halves(problem, [(variable, given[id(variable)]) for variable, _ in start])
    with adding_nothing(problem):
        first = halves.loss()
    halves.train(_STEPS)
    with adding_nothing(problem):
        return first, halves.loss()


def _picks(problem, tables):
    """The picks of the largest or least in the layers of tables: what is given, and which rows."""
    own, found, inputs = list({id(r.layer): r.layer for r in tables}.values()), [], {}

    def noted(name):
        def called(layer, function, x, axis=None, **more):
            result = function(x, axis=axis, **more)
            # In a loop or a function that a backend traces there are no numbers.
            with contextlib.suppress(Exception):
                alike = [
                    r for r in tables
                    if r.layer is layer and x.shape[axis] == r.shape[0]
                    and inputs[id(layer)].shape[-1] == r.shape[1]
                ]  # fmt: skip
                line = running_line(above=(__file__, "_picks"))
                found.extend((r, inputs[id(layer)], to_numpy(result), name, line) for r in alike)
            return result

        return called

    def watched(layer, call):
        def run(x, *args, **kwargs):
            if ops.is_tensor(x):
                inputs[id(layer)] = to_numpy(x)
            return call(x, *args, **kwargs)

        return run

    with contextlib.ExitStack() as stack:
        for layer in own:
            stack.enter_context(attribute(layer, "call", watched(layer, layer.call)))
        for name in ("argmin", "argmax"):
            stack.enter_context(instead(backend.numpy, name, own, noted(name)))
        problem.model(problem.x, training=False)
    return found
