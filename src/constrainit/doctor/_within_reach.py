"""Outputs that stay within bounds however large the weights become, and targets beyond them."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from constrainit._words import listed
from constrainit.doctor._evidence import Evidence, LossEvidence
from constrainit.doctor._far_points import is_bounded
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried, values_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy

_DISTANCES = ("squared_error", "absolute_error", "huber", "log_cosh", "logcosh", "mse", "mae")
"""Parts of the names of losses that want predictions to be what the targets are."""

_FAR = (1e2, 1e4)
_GROWS = 1.02
"""Outputs that become no more times as large, of weights a hundred times as large, are bounded."""

_WAYS = 7
_APART = 7.0
"""The deviation of the logarithms of entries of which a few are far above all others."""

_STEPS, _RATE = 60, 0.1
"""Of a training that is to bring the outputs as near to the targets as they get."""

_SAME = 0.05
"""By what share of their width what was seen of the bounds may be off."""

_LOST = 0.25
"""The share of the targets' variance that the bounds cost at least."""


def within_reach(
    problem: Problem, constraints: Any, evidence: Evidence, start: Values
) -> list[LossEvidence]:
    """What is known of the losses, with the bounds of an output that targets are far beyond.

    As the product of two vectors has whose norms are bounded, or a cosine. Asked of a single output
    whose last layer has no weight that may grow, or of a model in code that has none, with a loss
    of distances: passes with weights far outside of their sets, of random directions and of like
    ones, and then a training at a high rate tell how far the outputs go.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    known = evidence.losses_of
    if len(known) != 1 or not _has_no_end(known[0]) or not can_be_halved(problem):
        return known
    if evidence.trained:
        return known
    if not any(name in known[0].name for name in _DISTANCES) or _ends_freely(
        problem, constraints, known[0]
    ):
        return known
    y = to_numpy(keras.tree.flatten(problem.y)[0]).astype("float64")
    found = _reach(problem, constraints)
    if found is None or not _is_beyond(y, *found):
        return known
    with tried(problem, "how far outputs go is"):
        halves = Halves(problem, start, keras.optimizers.Adam(_RATE))
        halves.train(_STEPS)
        given, slack = _outputs(problem), _SAME * (found[1] - found[0])
        if found[0] - slack <= given.min() and given.max() <= found[1] + slack:
            held = [r for r in constraints.records if is_bounded(constraints, r)]
            return [_bounded(known[0], found, [r.path for r in held if r.variable.trainable])]
    return known


def _bounded(made, found, paths):
    """What is known of a loss, with the bounds of its output."""
    whose = repr(made.layer) if made.layer else "the model"
    why = f"{whose}, whatever the weights are,"
    if paths:
        why = f"{whose}, with {listed(paths)} as large as their constraints let them be,"
    low, high = found
    return replace(made, low=low, high=high, why=why, held=paths[0] if paths else "", reaches=True)


def _has_no_end(made):
    """Whether an output that is to give finite numbers has no bounds by its activation, or one.

    Weights that may not be negative give it one.
    """
    open_ended = np.isinf([made.low, made.high]).any()
    return bool(open_ended and made.goals and made.classes is None and not made.target.nonfinite)


def _ends_freely(problem, constraints, made):
    """Whether the last layer, or any where it is not known, has a weight that may grow."""
    layers = [one for one in problem.model._flatten_layers() if one.name == made.layer]
    own = [v for one in layers or [problem.model] for v in one.trainable_variables]
    records = {id(r.variable): r for r in constraints.records}
    known = [records.get(id(variable)) for variable in own]
    return not all(record is not None and is_bounded(constraints, record) for record in known)


def _reach(problem, constraints):
    """The least and the largest output that was seen of large weights; None if it grows with them.

    Weights whose entries are alike give vectors of one direction, or of opposite ones, whose
    product is as large as it can be.
    """
    records = {id(r.variable): r for r in constraints.records}
    draws, ends = np.random.default_rng(0), [_outputs(problem)]
    held = values_of(problem.model)
    try:
        for way in range(_WAYS):
            ways = [_direction(v, way, place, draws) for place, v in enumerate(problem.trainable)]
            near, far = (_far(problem, constraints, records, ways, factor) for factor in _FAR)
            if not np.isfinite([near, far]).all():
                return None
            if np.abs(far).max() > _GROWS * np.abs(near).max():
                return None
            ends.append(far)
    finally:
        for variable, value in held:
            variable.assign(value)
    low, high = min(one.min() for one in ends), max(one.max() for one in ends)
    return float(low), float(high)


def _direction(variable, way, place, draws):
    """A random direction, or one of like entries, of a sign that differs between weights.

    The last is of entries above zero of which a few are far above all others, as of shares.
    """
    if way == 0:
        return draws.normal(size=variable.shape)
    if way == _WAYS - 1:
        return np.exp(_APART * draws.normal(size=variable.shape))
    sign = (1, 1 if place else -1, (-1) ** place)[way - 1] if way < 4 else draws.choice((-1, 1))
    return np.full(variable.shape, float(sign))


def _far(problem, constraints, records, ways, factor):
    """The outputs of weights so far outside of their sets as their constraints let them be."""
    for variable, way in zip(problem.trainable, ways, strict=True):
        value = factor * way
        record = records.get(id(variable))
        image = value if record is None else constraints.image(record, value)
        variable.assign(np.full(value.shape, np.nan) if image is None else image)
    return _outputs(problem)


def _outputs(problem):
    return to_numpy(keras.tree.flatten(problem.model(problem.x, training=False))[0])


def _is_beyond(y, low, high):
    """Whether bounds cost more than a share of what the targets vary by."""
    lost = np.mean((y - np.clip(y, low, high)) ** 2)
    return bool(np.isfinite(lost) and lost > _LOST * np.var(y) > 0)
