"""Weights that are kept in an order along an axis, where the model trains in the other one."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, held_by, misses, tried
from constrainit.doctor._problem import Problem
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_STEPS, _LONG = 100, 400

_LOWER, _MISSED = 1 / 3, 1 / 3
"""The share of the loss that is left, or of what is taken off it that the given order misses."""

_GOES_ON = 0.95
"""The share of the loss that is left after the first steps, if more of them may tell more."""

_FALLEN = 0.05
"""A loss of which so little is left has what it needs."""

_SIZES = (0.1, 1.0, 1.0, 1.0, 10.0)
_ROUNDING = 1e-6
_MOST = 4


class OrderEvidence(NamedTuple):
    """A weight whose entries a constraint keeps in order, against what the data need.

    Attributes:
        record: The weight.
        axis: The axis along which they rise or fall.
        rises: Whether they rise.
        steps: How many steps were taken in either order.
        losses: The loss of examples that are not trained on: before, after these steps as it is,
            and after as many with the order the other way round.
    """

    record: WeightRecord
    axis: int
    rises: bool
    steps: int
    losses: tuple[float, float, float]


def ordered_against(
    problem: Problem, constraints: Any, evidence: Evidence, start: Values
) -> list[OrderEvidence]:
    """The weights with an order with which the model trains far better the other way round.

    That is by the loss of examples that are not trained on. Asked of constraints that make each
    weight rise along one axis, or each fall, in small models.

    Args:
        problem: The problem.
        constraints: Those of the model.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    losses, own = evidence.losses, evidence.own is not None and not evidence.own.as_usual
    if own or not losses or not 0 < losses[-1] < np.inf or not can_be_halved(problem):
        return []
    asked = []
    for made in evidence.constraints if losses[-1] > _FALLEN * losses[0] else ():
        record = made.record
        sound = made.fault is None and not made.changes and record.variable.trainable
        if sound and record in constraints.records:
            orders = orders_of(
                lambda value, record=record: constraints.image(record, value), record
            )
            asked += [(record, *order) for order in orders]
    found = []
    with tried(problem, "other orders are"):
        halves = Halves(problem, start) if 0 < len(asked) <= _MOST else None
        given = (halves.loss(), halves.train(_STEPS)) if halves is not None else None
        for record, axis, rises in asked if given is not None else ():
            seen = _turned(problem, start, record, axis, given)
            if seen is not None:
                found.append(OrderEvidence(record, axis, rises, *seen))
    return found


def orders_of(image_of: Callable, record: WeightRecord) -> list[tuple[int, bool]]:
    """The axes along which what a constraint gives is in order, each with whether it rises.

    Args:
        image_of: What the constraint makes of a value.
        record: The weight.
    """
    axes = [axis for axis, size in enumerate(record.shape) if size > 1]
    draws, images = np.random.default_rng(0), []
    for size in _SIZES if axes else ():
        image = image_of(size * draws.normal(size=record.shape))
        if image is None:
            return []
        images.append(image / size)
    return [
        (axis, bool(rises))
        for axis, rises in itertools.product(axes, (0, 1))
        if _are_in_order([np.diff(one, axis=axis) * (1 if rises else -1) for one in images])
    ]


def _are_in_order(steps):
    """Whether none goes back, and some go on: entries that are equal are in any order."""
    return all(one.min() >= -_ROUNDING for one in steps) and any(
        one.max() > _ROUNDING for one in steps
    )


class Turned:
    """A constraint with its order the other way round along an axis.

    Args:
        constraint: The constraint.
        axis: The axis.
    """

    def __init__(self, constraint: Any, axis: int):
        self.constraint, self.axis = constraint, axis

    def __call__(self, w):
        """What the constraint makes of the weight from its other end."""
        return ops.flip(self.constraint(ops.flip(w, axis=self.axis)), axis=self.axis)


def _turned(problem, start, record, axis, given):
    """The steps and losses with the order of a weight turned, where they are far lower; or None."""
    turned = [
        (v, np.flip(to_numpy(value), axis) if v is record.variable else value) for v, value in start
    ]
    with held_by([(record, Turned(record.constraint, axis))]):
        halves = Halves(problem, turned)
        losses = given[0], given[1], halves.train(_STEPS)
        if _are_lower(losses) or not losses[2] < _GOES_ON * losses[1]:
            return (_STEPS, losses) if _are_lower(losses) else None
        other = halves.train(_LONG - _STEPS)
    losses = given[0], Halves(problem, start).train(_LONG), other
    return (_LONG, losses) if _are_lower(losses) else None


def _are_lower(losses):
    return losses[2] < _LOWER * losses[1] or misses(losses, _MISSED)
