"""Weights that the user's own code clips, and that start where the clip has no gradient."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from keras.src import backend

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._halves import Halves, Values, can_be_halved, misses, put, tried
from constrainit.doctor._own_calls import instead
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom, runs_own_code
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_STUCK = 0.1
"""The share of the entries that lie outside and do not move where it matters."""

_STEPS = 100
_MISSED, _LOWER = 0.2, 0.5
"""What is missed at least with such a start, and what is left of its loss from one inside."""

_WITHIN = 0.95
"""How near to a bound a start inside comes at most, as a share of it."""

_MARGIN = 0.2
"""How far from either bound a start is spread, as a share of what lies between them."""

_NEAR = 1e-5
_FEWEST = 4
"""Entries of which it is no chance that they lie on a line with those of a weight."""


@dataclass(frozen=True)
class _Clip:
    """A call that clips a multiple of a weight and a number: which, and between which bounds."""

    record: WeightRecord
    source: Source | None
    function: str
    factor: float
    offset: float
    low: float
    high: float

    def taken(self, value: np.ndarray) -> np.ndarray:
        """What is clipped where the weight has a value."""
        return self.factor * value + self.offset

    def outside(self, value: np.ndarray) -> np.ndarray:
        """The entries that are clipped off."""
        taken = self.taken(value)
        return (taken < self.low) | (taken > self.high)


@dataclass(frozen=True)
class ClippedEvidence:
    """Weights that start outside of where a clip lets a gradient through, and train from inside.

    Attributes:
        records: The weights.
        source: The user's own line, where one is known.
        function: What clips them.
        bounds: What it clips between; one of them may be infinite.
        share: The share of their entries that lie outside and were not moved by any step.
        starts: Starts inside, one for each weight.
        said: How these were made of the given ones, as text.
        code: The same as an expression of the weight `{}`.
        steps: How many steps were taken with each.
        losses: On examples that are not trained on: at the start, after the steps from the given
            start, and after those from the one inside.
    """

    records: list[WeightRecord]
    source: Source | None
    function: str
    bounds: tuple[float, float]
    share: float
    starts: list[np.ndarray]
    said: str
    code: str
    steps: int
    losses: tuple[float, float, float]

    @property
    def layers(self) -> list[str]:
        """The names of the layers that the weights are of."""
        return [record.layer.name for record in self.records]


def clipped(problem: Problem, evidence: Evidence, start: Values) -> ClippedEvidence | None:
    """The weights of layers of the user's own that train once they start inside of a clip.

    Args:
        problem: The problem, its weights as the steps have left them.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    records = [r for r in evidence.weights if r.variable.trainable and is_custom(r.layer)]
    if not records or evidence.trained or evidence.own is not None or not can_be_halved(problem):
        return None
    ends = {id(r.variable): to_numpy(r.variable) for r in records}
    begins = {id(variable): to_numpy(value) for variable, value in start}
    with tried(problem, "a start inside of what is clipped is"):
        put(start)
        by_bounds: dict[Any, list[_Clip]] = {}
        for clip in _clips(problem, records):
            own = id(clip.record.variable)
            still = clip.outside(begins[own]) & (begins[own] == ends[own])
            if still.mean() >= _STUCK:
                where = (type(clip.record.layer), clip.function, clip.low, clip.high)
                by_bounds.setdefault(where, []).append(clip)
        for clips in by_bounds.values():
            given = [begins[id(clip.record.variable)] for clip in clips]
            losses = None
            for starts, said, code in _inside(clips, given):
                losses = losses or _from(problem, start, [])
                other = _from(problem, start, list(zip(clips, starts, strict=True)))
                found = (*losses, other[1])
                if not np.isfinite(found).all() or not misses(found, _MISSED):
                    continue
                if found[2] > _LOWER * found[1]:
                    continue
                stuck = [c.outside(w) for c, w in zip(clips, given, strict=True)]
                share = sum(one.sum() for one in stuck) / sum(one.size for one in stuck)
                first = clips[0]
                return ClippedEvidence(
                    [clip.record for clip in clips], first.source, first.function,
                    (first.low, first.high), float(share), starts, said, code, _STEPS, found,
                )  # fmt: skip
    return None


def _from(problem, start, starts):
    """The loss of what is not trained on before and after the steps, from some other starts."""
    given = {id(variable): value for variable, value in start}
    for clip, value in starts:
        variable = clip.record.variable
        given[id(variable)] = ops.cast(value, variable.dtype)
    halves = Halves(problem, [(variable, given[id(variable)]) for variable, _ in start])
    return halves.loss(), halves.train(_STEPS)


def _inside(clips, given) -> Iterator[tuple[list[np.ndarray], str, str]]:
    """Starts inside of the bounds, each with how it was made of the given ones."""
    low, high = clips[0].low, clips[0].high
    taken = [clip.taken(value) for clip, value in zip(clips, given, strict=True)]
    plain = all(clip.factor == 1 and clip.offset == 0 for clip in clips)
    if not np.isfinite([low, high]).all():
        if plain:
            edge, sign = (low, "+") if np.isfinite(low) else (high, "-")
            beside = [np.abs(one - edge) for one in taken]
            starts = [edge + one if sign == "+" else edge - one for one in beside]
            code = f"{edge:g} {sign} keras.ops.abs({{}} - {edge:g})"
            code = "keras.ops.abs({})" if (edge, sign) == (0, "+") else code
            yield starts, f"mirrored at {edge:g}", code
        return
    least = min(float(one.min()) for one in taken)
    most = max(float(one.max()) for one in taken)
    bound = high if least >= 0 else min(high, -low)
    scale = float(f"{_WITHIN * bound / max(most, -least):.3g}")
    starts = [scale * value for value in given]
    held = not any(clip.outside(one).any() for clip, one in zip(clips, starts, strict=True))
    if 0 < scale < 1 and held:
        yield starts, f"times {scale:g}", f"{{}} * {scale:g}"
    if plain and most > least:
        first, by = low + _MARGIN * (high - low), (1 - 2 * _MARGIN) * (high - low) / (most - least)
        starts = [first + by * (one - least) for one in taken]
        last = first + by * (most - least)
        code = f"{first:g} + {by:.4g} * ({{}} - {least:.4g})"
        yield starts, f"spread between {first:g} and {last:g}", code


def _clips(problem, records):
    """The calls of code of the user's own that clip a weight, or a multiple of it and a number."""
    own = [one for one in problem.model._flatten_layers() if runs_own_code(one)]
    values = [(r, to_numpy(r.variable).astype("float64")) for r in records]
    found: dict[Any, _Clip] = {}

    def noted(name, bounds):
        def called(layer, function, x, *args, **more):
            # What is given may be no array, and bounds no numbers.
            with contextlib.suppress(Exception):
                ends = bounds(x, *args, **more)
                made = _of_weight(to_numpy(ops.convert_to_tensor(ends[0])), values)
                if made is not None:
                    line = running_line(above=(__file__, "_clips"))
                    record, factor, offset = made
                    clip = _Clip(record, line, name, factor, offset, *ends[1:])
                    found.setdefault((id(record), ends[1:]), clip)
            return function(x, *args, **more)

        return called

    with contextlib.ExitStack() as stack:
        for module, name, bounds in _FUNCTIONS:
            stack.enter_context(instead(module, name, own, noted(name, bounds)))
        problem.model(problem.x, training=False)
    return list(found.values())


def _of_weight(taken, values):
    """The weight that something is, or a multiple of and a number; the factor and the number."""
    taken = taken.astype("float64").ravel()
    alike = [(r, v.ravel()) for r, v in values if v.size == taken.size and np.isfinite(v).all()]
    near = _NEAR * float(np.abs(taken).max(initial=0.0))
    for record, value in alike:
        if np.abs(taken - value).max() <= near:
            return record, 1.0, 0.0
    for record, value in alike:
        if value.size < _FEWEST or np.ptp(value) == 0:
            continue
        factor, offset = (float(one) for one in np.polyfit(value, taken, 1))
        if factor and np.abs(factor * value + offset - taken).max() <= near:
            return record, factor, offset if abs(offset) > near else 0.0
    return None


def _of_clip(x, x_min, x_max):
    return x, _number(x_min, -np.inf), _number(x_max, np.inf)


def _of_maximum(x1, x2):
    one, other = (x2, x1) if np.ndim(x1) == 0 and not _is_variable(x1) else (x1, x2)
    return one, _number(other, -np.inf), np.inf


def _of_minimum(x1, x2):
    one, other = (x2, x1) if np.ndim(x1) == 0 and not _is_variable(x1) else (x1, x2)
    return one, -np.inf, _number(other, np.inf)


def _of_relu(x):
    return x, 0.0, np.inf


def _is_variable(one):
    return hasattr(one, "assign")


def _number(one, missing):
    return missing if one is None else float(one)


_FUNCTIONS = (
    (backend.numpy, "clip", _of_clip),
    (backend.numpy, "maximum", _of_maximum),
    (backend.numpy, "minimum", _of_minimum),
    (backend.nn, "relu", _of_relu),
)
