"""What is looked at only where there is reason to: further steps, rounding, indices, schedules."""

import itertools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor import _penalty
from constrainit.doctor._at_length import losses_after
from constrainit.doctor._entering import note_in_prediction
from constrainit.doctor._evidence import (
    BeyondEvidence,
    Evidence,
    OverwriteEvidence,
    RoundingEvidence,
)
from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._state import snapshot
from constrainit.doctor._statistics import to_numpy

_FURTHER = 180
"""How many more steps are taken where a loss falls below zero, faster and faster."""

_LOWERED = 0.7
"""A training whose loss stays above this share of the first one is asked for rounding."""

_ENLARGED = 1e4
"""By how much a layer multiplies the gradient that divides by something very small."""

_AGAIN = 1e-6
"""By how much two losses of the same weights and batch may differ, relative to them."""

_NOTHING = 1e-6
_BIT = 2.0**-23
_EXPLODED = 1e3
_RATES = (*range(21), 40, 100, 1000)


def rates_of(optimizer: Any) -> list[float]:
    """The rates of a schedule at the next steps and at some far ones; none without a schedule."""
    schedule: Any = getattr(optimizer, "_learning_rate", None)
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return []
    begin = int(to_numpy(optimizer.iterations))
    return [float(to_numpy(schedule(begin + step))) for step in _RATES]


def overwrites(optimizer: Any) -> OverwriteEvidence | None:
    """What is left of the steps where the optimizer overwrites the weights by their average."""
    inner = inner_of(optimizer)
    every = getattr(inner, "ema_overwrite_frequency", None)
    if not every or not getattr(inner, "use_ema", False):
        return None
    keeps = float(inner.ema_momentum)
    # So far behind is the average of steps of one size, after as many of them.
    lag = every if keeps == 1 else keeps * (1 - keeps**every) / (1 - keeps)
    return OverwriteEvidence(int(every), keeps, 1 - lag / every)


def epsilon_of(optimizer: Any) -> float | None:
    """What an optimizer adds to the root that it divides by."""
    value = getattr(inner_of(optimizer), "epsilon", None)
    return None if value is None else float(value)


def decays_of(optimizer: Any) -> dict[str, float]:
    """The factors of Adam's averages, which it corrects its steps by; of other optimizers none."""
    inner = inner_of(optimizer)
    if not isinstance(inner, keras.optimizers.Adam):
        return {}
    return {name: float(getattr(inner, name)) for name in ("beta_1", "beta_2")}


def falls_away(losses: list[float]) -> bool:
    """Whether a loss is negative and falls no slower at the end than in the middle."""
    if len(losses) < 15 or not np.isfinite(losses).all() or not losses[-1] < 0:
        return False
    third = len(losses) // 3
    middle, last = losses[third] - losses[2 * third], losses[2 * third] - losses[-1]
    return middle > 0 and last > 0.9 * middle


def hardly_falls(losses: list[float]) -> bool:
    """Whether a loss stays finite, and above most of what it was."""
    late = losses[len(losses) // 2 :]
    return bool(np.isfinite(losses).all() and np.median(late) >= _LOWERED * losses[0])


def is_nothing(loss: float, evidence: Evidence) -> bool:
    """Whether a loss is next to none for targets that vary as these do: there is no more to learn.

    A share of a millionth of their variance, or of one where that is larger, is left.
    """
    kept = [d.deviation**2 for d in evidence.data if d.name.startswith("y") and not d.integer]
    return abs(loss) <= _NOTHING * min([1.0, *(one for one in kept if one > 0)])


def fall_on(problem: Any, constraints: Any, evidence: Evidence) -> None:
    """Takes more steps where nothing keeps a loss from falling without end."""
    below = _penalty.below_zero(problem)
    losses = _further(problem, constraints, problem.step(looking=False))
    evidence.further, evidence.added = losses, added(problem)
    # Of weights that have overflowed nothing is told.
    below = _penalty.below_zero(problem) if math.isfinite(losses[-1]) else below
    evidence.falling_penalties = {
        r.path: below[id(r.variable)] for r in evidence.weights if id(r.variable) in below
    }


def _further(problem, constraints, stepped):
    """The losses of more steps, up to the first that is not finite."""
    losses: list[float] = []
    for loss in losses_after(problem, constraints, stepped, _FURTHER):
        losses.append(loss)
        if not np.isfinite(loss):
            break
    return losses


def added(problem: Any) -> dict[str, float]:
    """What each layer adds to the loss, where that is not zero."""
    problem.model(problem.x, training=True)
    found: dict[str, float] = {}
    for layer in problem.model._flatten_layers():
        own = sum(float(np.sum(to_numpy(value))) for value in layer._losses)
        if own:
            found[layer.name] = found.get(layer.name, 0.0) + own
    return found


def rounding(problem: Any, evidence: Evidence) -> RoundingEvidence | None:
    """By how much the loss changes with the last bit of the weights, if there is reason to ask.

    That is where it hardly falls, and where something small divides on the way from the outputs
    back, as the gradient shows.
    """
    losses = evidence.losses
    if not (hardly_falls(losses) or _is_enlarged(evidence)) or is_nothing(max(losses), evidence):
        return None
    # Of what has exploded, every bit of the weights changes all that follows.
    if losses[-1] > _EXPLODED * abs(losses[0]):
        return None
    held = [snapshot(v) for v in problem.others]

    def take():
        for variable, value in zip(problem.others, held, strict=True):
            variable.assign(value)
        return problem.step()

    first, again = take(), take()
    loss = float(first.loss)
    if not abs(float(again.loss) - loss) <= _AGAIN * abs(loss):
        return None
    kept = [snapshot(v) for v in problem.trainable]
    draws = np.random.default_rng(0)
    try:
        for variable in problem.trainable:
            value = to_numpy(variable)
            bits = 1 + _BIT * draws.choice([-1.0, 1.0], size=value.shape)
            variable.assign(ops.cast(value * bits, variable.dtype))
        moved = take()
    finally:
        for variable, value in zip(problem.trainable, kept, strict=True):
            variable.assign(value)
    named = problem.recording.named
    pairs = zip(named, first.outputs, moved.outputs, strict=True)
    change = abs(float(moved.loss) - loss) / max(abs(loss), 1e-30)
    layer = next((name for (name, *_), a, b in pairs if _differ(a, b)), "")
    return RoundingEvidence(change, layer)


def _is_enlarged(evidence):
    """Whether a single layer makes the gradient far larger, as no usual kernel does."""
    sizes = [output.gradient for output in evidence.outputs if output.gradient]
    pairs = itertools.pairwise(sizes)
    return any(math.isfinite(one) and one > _ENLARGED * other for one, other in pairs)


def _differ(first, second):
    """Whether the mean or the deviation of an output changes by more than a thousandth."""
    one, two = (np.asarray(ops.convert_to_numpy(a), "float64")[:2] for a in (first, second))
    return bool(np.abs(one - two).max() > 1e-3 * max(np.abs(one).max(), 1e-30))


def beyond(problem: Any) -> list[BeyondEvidence]:
    """The tables that are asked for rows that they do not have, in one pass as it is."""
    found: dict[str, BeyondEvidence] = {}
    tables = [
        layer for layer in problem.model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
    ]  # fmt: skip

    def note(layer, inputs):
        index = to_numpy(inputs)
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= layer.input_dim:
            found.setdefault(layer.name, BeyondEvidence(layer.name, low, high, layer.input_dim))

    note_in_prediction(problem, tables, note)
    return list(found.values())
