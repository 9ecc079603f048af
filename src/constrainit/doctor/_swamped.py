"""What is beside the loss of the data: does the model learn from its targets without it?

What layers add to the loss by themselves, and penalties on weights.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from constrainit.doctor._additions import adding, adding_nothing
from constrainit.doctor._beyond import added
from constrainit.doctor._courses import Course, constraints_of, is_finite, taken
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, can_be_halved, tried, values_of
from constrainit.doctor._logarithms import off_at_zero, told_without
from constrainit.doctor._penalty import of_data, shares, without_penalties
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments.penalties import can_be_weakened, weaken

_SHARE, _SHARE_OF_PENALTIES = 0.25, 0.1
_LITTLE, _HARDLY = 0.01, 0.3
"""What layers add at least, where outputs vary by less than this share of what targets do."""

_STEPS = 100
_TRAINS = 0.7
"""What is left at most of the loss of the data, where it trains."""

_TRAINS_BETTER = 0.5
"""What is left at most of the loss of the data, where it was learnt with penalties as well."""

_FAR = 0.25
"""A loss of at least this share of that with targets of other examples is far from learnt."""

_FAR_BETTER, _BETTER_FOR_OTHERS = 1 / 3, 0.5
"""What is left at most of such a loss without what layers add; and of examples not trained on."""

_STILL = 0.1
"""The share of the loss that what layers add is at least at the end."""

_MOST, _SAME = 0.9, 1e-3
"""The share of the penalties that sets hold, and by how much of itself such a one may differ."""

_SCALES = (0.1, 1e-2, 1e-3, 1e-4)

_MOST_ENTRIES = 1e5
"""Beside a mean over more of them a sum is no matter of that alone."""


@dataclass(frozen=True)
class SwampedEvidence:
    """What is learnt of the data with what is added to their loss, and without.

    Attributes:
        layer: The layer that adds the most, or an empty string.
        share: The share of what is added at the start, of all of the loss.
        steps: How many steps were taken.
        losses: The loss of the data at the start, and after these steps.
        alone: The last loss of the data where nothing is added.
        weights: The paths of weights whose penalties are added, that of the largest one first.
        scale: By what these, or what such a layer adds, can be multiplied so that the data is
            learnt; None if not known.
        weaker: The last loss of the data then.
        held: Whether the sets of these weights leave what their penalties add as it is.
        blind: Whether nothing is learnt of the data, and not only far less.
        at_zero: The loss of the data with these weights at zero, where that is far above the first
            and their penalties pull them there; else None.
    """

    layer: str
    share: float
    steps: int
    losses: tuple[float, float]
    alone: float
    weights: tuple[str, ...] = ()
    scale: float | None = None
    weaker: float | None = None
    held: bool = False
    blind: bool = True
    at_zero: float | None = None


def swamped(problem: Problem, evidence: Evidence) -> SwampedEvidence | None:
    """What the data would teach without what is added to their loss, and do not teach with it.

    Asked where layers add more than a quarter of the loss at the start, or penalties more than a
    tenth. The model is borrowed.
    """
    own = evidence.own is not None and not evidence.own.as_usual
    sound = not own and not evidence.faults and evidence.fault_step is None
    if not sound or not problem.is_small or problem.given_y is None or problem.drawn:
        return None
    if not problem.adds_losses or not problem.losses() or not evidence.losses:
        return None
    # A table of the user's own that fits nothing adds how far it is off.
    if not evidence.losses[0] > 0 or evidence.picked_rows is not None:
        return None
    try:
        return _of_layers(problem, evidence) or _of_weights(problem, evidence)
    # A layer of the user's own may raise anything where its addition is not taken.
    except Exception as exception:
        problem.said.append(
            f"the loss without what is added to it is not known ({type(exception).__name__})"
        )
        return None


def _of_layers(problem, evidence):
    with borrowed(problem.model):
        more = added(problem)
    share = sum(more.values()) / evidence.losses[0]
    if not (_SHARE if _varies(problem, evidence) else _LITTLE) < share < 1:
        return None
    with borrowed(problem.model), adding_nothing(problem):
        first = problem.afresh().step().loss
    found = _compared(problem, adding_nothing, _FAR_BETTER, _FAR)
    if found is None:
        return None
    after, alone, blind = found
    if not blind and (share < _SHARE or not _hinders_with_others(problem)):
        return None
    layer = max(more, key=lambda name: more[name])
    scale, weaker = _lessened(problem, layer, (_TRAINS if blind else _FAR_BETTER) * after)
    losses = float(first), after
    return SwampedEvidence(
        layer, share, _STEPS, losses, alone, scale=scale, weaker=weaker, blind=blind
    )


def _varies(problem, evidence):
    """Whether what the model gives varies over the batch as the targets do, or may for all we know.

    What is pulled to no code at all may begin as a small part of the loss, and gives the same
    output for all examples nevertheless.
    """
    targets, last = keras.tree.flatten(problem.given_y), evidence.outputs_last
    if (
        len(targets) != 1
        or not last
        or not np.issubdtype(np.asarray(targets[0]).dtype, np.floating)
    ):
        return True
    return last[-1].spread >= _HARDLY * np.std(np.asarray(targets[0]), axis=0).max()


def _hinders_with_others(problem):
    """Whether examples that are not trained on are told far better without what is added, too.

    Where it is still a part of their loss at the end. What keeps a model from learning examples by
    heart does not hinder it.
    """
    if not can_be_halved(problem):
        return False
    with tried(problem, "the loss without what is added to it is"):
        start = values_of(problem.model)
        halves = Halves(problem, start)
        whole = halves.train(_STEPS)
        with adding_nothing(problem):
            given = halves.loss()
            alone = Halves(problem, start).train(_STEPS)
        return alone <= _BETTER_FOR_OTHERS * given and whole - given > _STILL * whole
    return False


def _of_weights(problem, evidence):
    share = evidence.penalties[0] / evidence.losses[0] if evidence.penalties else 0.0
    if not _SHARE_OF_PENALTIES < share < 1:
        return None
    with borrowed(problem.model):
        sizes = shares(problem)
    known = [r for r in evidence.weights if id(r.variable) in sizes]
    known.sort(key=lambda record: -sizes[id(record.variable)])
    kept = [record for record in known if _is_held(record.variable)]
    held = sum(sizes[id(r.variable)] for r in kept) > _MOST * sum(sizes.values())
    first = of_data(evidence)[0]
    at_zero = None if held else off_at_zero(problem, known, first)
    if at_zero:
        paths, steps = tuple(record.path for record in known), 2 * _STEPS
        without = told_without(problem, steps, _TRAINS)
        if without is None:
            return None
        ends, alone = without
        return SwampedEvidence("", share, steps, ends, alone, paths, blind=False, at_zero=at_zero)
    found = _compared(problem, without_penalties, _TRAINS_BETTER if held else None)
    if found is None:
        return None
    after, alone, blind = found
    scale, weaker = (None, None) if held else _weakened(problem, known, after)
    paths = tuple(record.path for record in (kept if held else known))
    ends = first, after
    return SwampedEvidence("", share, _STEPS, ends, alone, paths, scale, weaker, held, blind)


def _is_held(variable: keras.Variable) -> bool:
    """Whether all that the constraint of a weight gives has the same penalty, which is not zero.

    As a square of weights has whose norm is one.
    """
    if variable.constraint is None:
        return False
    draws = np.random.default_rng(0)
    size = float(np.std(to_numpy(variable))) or 1.0
    others = [size * draws.normal(size=variable.shape) for _ in range(2)]
    given = [variable.value, *(ops.convert_to_tensor(w, variable.dtype) for w in others)]
    values = [float(ops.sum(variable.regularizer(variable.constraint(w)))) for w in given]
    return min(values) > 0 and max(values) - min(values) <= _SAME * max(values)


def _compared(
    problem: Problem,
    without: Callable[[Problem], AbstractContextManager[None]],
    better: float | None = None,
    far: float = 0.0,
) -> tuple[float, float, bool] | None:
    """The last loss of the data with what is added, and without; None where the data is learnt.

    And whether nothing is learnt of the data with it. None, too, where it is not learnt without it
    either. With `better` it may be learnt in both: this share of the loss is left at most without,
    and that is at least `far` of the one with targets of other examples.
    """
    with borrowed(problem.model), problem.keeping_optimizer():
        given = _of_data_after(problem, without)
    if given is None or not (better or given.is_blind):
        return None
    if not given.is_blind and given.losses[-1] < far * given.shuffled:
        return None
    with borrowed(problem.model), problem.keeping_optimizer(), without(problem):
        alone = taken(problem.afresh(), constraints_of(problem), _STEPS)
    left = (better if better and not given.is_blind else _TRAINS) * given.losses[-1]
    if not is_finite(alone) or alone.is_blind or alone.losses[-1] > left:
        return None
    return given.losses[-1], alone.losses[-1], given.is_blind


def _of_data_after(
    problem: Problem, without: Callable[[Problem], AbstractContextManager[None]]
) -> Course | None:
    """What the loss of the data is after the steps; None where these break."""
    constraints = constraints_of(problem)
    whole = taken(problem, constraints, _STEPS)
    with without(problem):
        given = taken(problem.afresh(), constraints, 0)
    return given if is_finite(whole) and is_finite(given) else None


def _weakened(problem, records, after):
    """The largest scale of the penalties with which the data is learnt, and their loss then."""
    for scale in _SCALES if all(map(can_be_weakened, records)) else ():
        with borrowed(problem.model), problem.keeping_optimizer():
            for record in records:
                weaken(record, scale)
            found = _of_data_after(problem.afresh(), without_penalties)
        if found is not None and not found.is_blind and found.losses[-1] <= _TRAINS * after:
            return scale, found.losses[-1]
    return None, None


def _lessened(problem, name, enough):
    """The largest scale of what layers of a kind add with which the data is learnt, and its loss.

    That loss is `enough` at most. That of a mean over the targets of an example is asked first, as
    such a mean beside a sum is what is usually wrong.
    """
    y = keras.tree.flatten(problem.y)[0]
    entries = math.prod(y.shape[1:])
    scales = [1 / entries] if 1 < entries < _MOST_ENTRIES else []
    for scale in [*scales, *_SCALES]:
        with borrowed(problem.model), problem.keeping_optimizer(), adding(problem, name, scale):
            found = _of_data_after(problem.afresh(), adding_nothing)
        if found is not None and not found.is_blind and found.losses[-1] <= enough:
            return scale, found.losses[-1]
    return None, None
