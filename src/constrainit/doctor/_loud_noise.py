"""Random numbers in layers of the user's own that drown the signal: do smaller ones train?"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._dropping import dropping_nothing
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, put, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_LOUD, _QUIET = 0.5, 0.2
"""The share of the variance of outputs from which noise drowns the signal, and a harmless one."""

_PASSES = 4
_TRAINED = 0.5
"""A loss of less than this share of what it was has been trained, whatever noise there is."""

_LOWER, _FAR_LOWER = 0.25, 0.02
"""What is left of a loss, beside that with the noise as given, where the noise was at fault: of a
loss that has not been trained, and of any."""

_STEPS = 100
_EVALUATED = 3
"""How many draws a loss is the mean of."""

_SHIFT, _FACTORS = -5.0, (0.05, 0.01)
"""Of a deviation that is seen through a softplus or exponential, and of a plain one."""


@dataclass(frozen=True)
class LoudNoise:
    """Weights that scale random numbers which drown the signal, and train from a smaller start.

    Attributes:
        records: The weights, which are one of a class of layers.
        share: The share of the variance of the outputs that is of other draws, at the start.
        quiet: The same from the other start.
        shift: What is added to the start; zero where it is multiplied.
        factor: What it is multiplied by.
        steps: How many steps were taken on half of the examples.
        losses: The loss of the others at the start, after these steps, and after as many from the
            other start.
    """

    records: list[WeightRecord]
    share: float
    quiet: float
    shift: float
    factor: float
    steps: int
    losses: tuple[float, float, float]

    def other(self, value: Any) -> Any:
        """The other start of a weight that starts at a value."""
        return ops.add(ops.multiply(value, self.factor), self.shift)


def loud_noise(problem: Problem, evidence: Evidence, start: Values) -> LoudNoise | None:
    """The weights of the user's own layers whose smaller start lets a model train out of its noise.

    None where two passes in training give the same, where less than half of the variance of what
    the model gives is of other draws, in a model that has been trained, and where the loss falls.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    groups = _groups(evidence)
    if not groups or _falls(evidence.losses) or evidence.trained or evidence.own is not None:
        return None
    if not can_be_halved(problem):
        return None
    with tried(problem, "a start with less noise is"):
        put(start)
        share = _noise(problem)
        if not share > _LOUD:
            return None
        for records, shift, factor in _starts(groups):
            made = LoudNoise(records, share, 0.0, shift, factor, _STEPS, (0.0, 0.0, 0.0))
            changed = _changed(start, made)
            put(changed)
            quiet = _noise(problem)
            if not quiet < _QUIET:
                continue
            losses = (*_losses(Halves(problem, start)), _losses(Halves(problem, changed))[1])
            if _is_learnt(*losses):
                return LoudNoise(records, share, quiet, shift, factor, _STEPS, losses)
    return None


def _falls(losses):
    """Whether they are trained away: a single one may be high or low by its draws alone."""
    half = len(losses) // 2
    return not half or np.median(losses[half:]) < _TRAINED * np.median(losses[:half])


def _changed(start, made):
    """The values of all variables with the other start of those that it is of."""
    ids = {id(record.variable) for record in made.records}
    return [(v, made.other(value) if id(v) in ids else value) for v, value in start]


def _groups(evidence):
    """The trained weights of layers of the user's own, those of one class and name together."""
    groups: dict[Any, list[WeightRecord]] = {}
    for record in evidence.weights:
        if record.variable.trainable and is_custom(record.layer) and record.constraint is None:
            key = kind_of_layer(record.layer), record.variable.name
            groups.setdefault(key, []).append(record)
    return list(groups.values())


def _starts(groups):
    """What is tried: starts of entries that are all alike first, as those of a deviation are."""
    alike = [one for one in groups if all(np.ptp(to_numpy(r.variable)) == 0 for r in one)]
    others = [one for one in groups if one not in alike]
    for group in [*alike, *others]:
        if any(to_numpy(record.variable).any() for record in group):
            yield from ((group, 0.0, factor) for factor in _FACTORS)
        yield group, _SHIFT, 1.0


def _noise(problem):
    """The share of the variance of the outputs that is of other draws; NaN where nothing varies."""
    with dropping_nothing(problem.model):
        passes = [_given(problem) for _ in range(2)]
        # What draws nothing gives the same again.
        if np.array_equal(passes[0], passes[1]):
            return 0.0
        passes += [_given(problem) for _ in range(_PASSES - 2)]
    numbers = np.stack(passes).astype("float64")
    drawn = float(numbers.var(axis=0, ddof=1).mean())
    whole = float(numbers.var(axis=(0, 1)).mean())
    varies = float(numbers.mean(axis=0).var(axis=0).mean())
    return min(drawn / whole, 1.0) if whole > 0 and varies > 0 else math.nan


def _given(problem):
    """What the model gives for the batch in training, in rows."""
    given = keras.tree.flatten(problem.model(problem.x, training=True))
    return np.concatenate([to_numpy(one).reshape(len(one), -1) for one in given], axis=-1)


def _losses(halves):
    """The loss of the others at the start and after the steps, of some draws each."""
    first = np.mean([halves.loss() for _ in range(_EVALUATED)])
    halves.train(_STEPS)
    return float(first), float(np.mean([halves.loss() for _ in range(_EVALUATED)]))


def _is_learnt(first, given, quieter):
    if not math.isfinite(quieter) or not first > 0 or not quieter < first:
        return False
    left = _LOWER if given > _TRAINED * first else _FAR_LOWER
    return not math.isfinite(given) or quieter < left * given
