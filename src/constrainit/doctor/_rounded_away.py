"""Roundings in the user's own code of which nothing is left, and the weight whose size mends it."""

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from keras.src import backend

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Values, put
from constrainit.doctor._own_calls import instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import runs_own_code
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_STILL = 1e-6
_LEVELS = 7.0
"""The largest number of a grid of four bits, which stands for one that no clip tells."""

_ABOUT = 2.0
"""By how much the largest number that is rounded may miss the largest of its grid."""


@dataclass(frozen=True)
class RoundedAway:
    """A rounding that gives zero for all that it is given at the start.

    Attributes:
        layer: The layer that it is in.
        source: The user's own line, where one is known.
        peak: The largest of what is rounded.
        grid: The largest number that it could be rounded to, by a clip of that layer.
        record: A weight of the layer with another start of which its grid is used, where there is.
        start: What it starts at.
        value: That other start.
        said: How it comes from the one that is given, in words.
        text: The same in code, with `{}` for the weight.
    """

    layer: Any
    source: Source | None
    peak: float
    grid: float
    record: WeightRecord | None = None
    start: Any = None
    value: Any = None
    said: str = ""
    text: str = ""


@dataclass
class _Seen:
    """What the code of a layer rounds: its largest number, what is left, and where it clips."""

    source: Source | None = None
    peak: float = 0.0
    left: float = 0.0
    grid: float = 0.0


def rounded_away(problem: Problem, evidence: Evidence, start: Values) -> list[RoundedAway]:
    """The layers that round all of something to zero, where an output is constant.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step; empty in large models.
    """
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    still = any(o.nonfinite == 0 and o.spread <= _STILL * o.peak for o in evidence.outputs)
    if not own or not still or not start:
        return []
    with borrowed(problem.model):
        put(start)
        found = {
            id(layer): (layer, seen)
            for layer, seen in _rounded(problem, own)
            if seen.peak > 0 and seen.left == 0
        }
        return [_with_a_way(problem, evidence, own, *pair) for pair in found.values()]


def _rounded(problem, own):
    """The layers that round something, each with what is seen of that."""
    layers: dict[int, tuple[Any, _Seen]] = {}

    def of(layer):
        return layers.setdefault(id(layer), (layer, _Seen()))[1]

    def rounded(layer, given, x, *args, **more):
        result = given(x, *args, **more)
        # In a loop or a function that a backend traces there are no numbers.
        with contextlib.suppress(Exception):
            before, after = (float(np.max(np.abs(to_numpy(one)))) for one in (x, result))
            seen = of(layer)
            seen.source = seen.source or running_line(above=(__file__, "_rounded"))
            seen.peak, seen.left = max(seen.peak, before), max(seen.left, after)
        return result

    def clipped(layer, given, x, x_min, x_max):
        with contextlib.suppress(Exception):
            seen = of(layer)
            seen.grid = max(seen.grid, *(abs(float(to_numpy(end))) for end in (x_min, x_max)))
        return given(x, x_min, x_max)

    numpy: Any = backend.numpy
    with instead(numpy, "round", own, rounded), instead(numpy, "clip", own, clipped):
        problem.model(problem.x, training=False)
    return [pair for pair in layers.values() if pair[1].source is not None or pair[1].peak]


def _with_a_way(problem, evidence, own, layer, seen):
    """What was seen, with the start of a small weight from which the grid is used."""
    grid = seen.grid if seen.grid >= 1 else _LEVELS
    small = [
        record for record in evidence.weights
        if record.layer is layer and len(record.shape) < 2 and math.prod(record.shape) > 0
    ]  # fmt: skip
    for record in small:
        start = to_numpy(record.variable)
        for value, said, text in _ways(start, grid / seen.peak):
            record.variable.assign(ops.cast(value, record.dtype))
            again = next((s for one, s in _rounded(problem, own) if one is layer), _Seen())
            record.variable.assign(start)
            if grid / _ABOUT < again.peak < grid * _ABOUT and again.left > 0:
                way = (record, start, value, said, text)
                return RoundedAway(layer, seen.source, seen.peak, grid, *way)
    return RoundedAway(layer, seen.source, seen.peak, grid)


def _ways(start, factor):
    """Other starts, in words and in code: of a divisor, a factor, and the logarithm of either."""
    log = math.log(factor)
    scaled = (
        (start / factor, f"divided by {factor:.3g}", f"{{}} / {factor:.3g}"),
        (start * factor, f"times {factor:.3g}", f"{{}} * {factor:.3g}"),
    )
    moved = (
        (start - log, f"minus {log:.3g}", f"{{}} - {log:.3g}"),
        (start + log, f"plus {log:.3g}", f"{{}} + {log:.3g}"),
    )
    return (*scaled, *moved) if start.any() else moved
