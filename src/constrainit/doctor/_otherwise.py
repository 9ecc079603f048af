"""One thing with which a model learns that learns little as it is."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, put, tried, values_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import to_numpy
from constrainit.model import STARTS, WeightRecord, walk

_FACTORS, _SHIFTS = (0.1, 0.01, 10.0), (-3.0, 3.0)
"""What the start of a weight is multiplied by, and what is added to one that is constant."""

_OF_NUMBERS = (0.1, 10.0)

_STEPS, _LONGER = 100, 3
"""How many steps are taken with each change, and how many times as many with the best of them."""

_LITTLE = 0.1
"""A model has learnt something of its targets whose loss is less than this share of the loss with
the targets of other examples."""

_LEFT, _STILL = 0.3, 0.7
"""The share of the loss at the start that more steps leave at least, and that of what fewer left:
what goes on falling is learnt slowly."""

_MUCH, _TOLD = 0.35, 0.8
"""The share of the loss that a change leaves at most, and that of the loss with other targets."""

_MOST, _SECONDS = 16, 15.0
"""How many changes are tried, and for how long at most, by the time of one step."""


@dataclass(frozen=True)
class Otherwise:
    """A change of one thing in the user's own code, and what the model learns with it.

    Attributes:
        kind: `"start"`, `"number"` or `"constraint"`: what is changed.
        records: The weights whose start or constraint it is, of all layers of one class.
        layers: The layers that hold the number.
        name: The name of the weight, the attribute or the class of the constraint.
        factor: What a start or a number is multiplied by, 1 if something is added.
        shift: What is added to a start.
        steps: How many steps were taken.
        losses: The loss of examples that are not trained on: at the start, after the steps as it
            is, and with the change.
        later: The last two after some times as many steps.
    """

    kind: str
    records: tuple[WeightRecord, ...] = ()
    layers: tuple[Any, ...] = ()
    name: str = ""
    factor: float = 1.0
    shift: float = 0.0
    steps: int = _STEPS
    losses: tuple[float, float, float] = (0.0, 0.0, 0.0)
    later: tuple[float, float] = (0.0, 0.0)


def otherwise(problem: Problem, evidence: Evidence, start: Values) -> Otherwise | None:
    """The change of one thing with which a model learns that learns little as it is.

    Tried are other starts for the weights of the user's own layers, other numbers in these, and no
    constraint where it is the user's own, each for all layers of one class. The loss is that of
    examples that are not trained on, and that of targets of other examples has to be larger: less
    of a loss that tells nothing of its targets is no gain.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    broken = evidence.fault_step is not None or evidence.faults or evidence.own is not None
    if broken or evidence.trained or not can_be_halved(problem):
        return None
    with tried(problem, "one thing that is otherwise is"):
        put(start)
        ways = list(_ways(problem))[: _affordable(problem)]
        if not ways:
            return None
        halves = Halves(problem, start)
        first = halves.loss()
        half, given = (halves.train(_STEPS // 2) for _ in range(2))
        if not _stands(first, half, given, halves.of_others()):
            return None
        longer = _STEPS * _LONGER
        as_given = halves.train(longer - _STEPS)
        if not _stands(first, given, as_given, halves.of_others()):
            return None
        found = [(_trained(problem, way, start, halves, _STEPS), way) for way in ways]
        good = [(loss, way) for loss, way in found if _is_better(loss, given)]
        for (loss, _), way in sorted(good, key=lambda one: one[0][0])[:2]:
            trained = _trained(problem, way, start, halves, longer)
            if _is_better(trained, as_given):
                return replace(way, losses=(first, given, loss), later=(as_given, trained[0]))
    return None


def _affordable(problem):
    """How many changes there is time for, beside the longer trainings."""
    turn = _STEPS * problem.pace.seconds
    return max(0, min(_MOST, int(_SECONDS / turn) - 2 * _LONGER)) if turn > 0 else _MOST


def _stands(first, before, now, mixed):
    """Whether a loss that tells little of its targets stands still between two looks at it."""
    if mixed is None or not np.isfinite([first, before, now]).all() or min(first, now) <= 0:
        return False
    return now > max(_LITTLE * mixed, _LEFT * first, _STILL * before)


def _is_better(trained, given):
    """Whether a training has learnt what another one has not."""
    loss, mixed = trained
    return 0 < loss <= _MUCH * given and loss <= _TOLD * mixed


def _trained(problem, way, start, halves, steps):
    """The loss after so many steps with a change, and with the targets of other examples."""
    put(start)
    with changed(way):
        if way.kind == "start":
            halves.begin()
            for record in way.records:
                record.assign(to_numpy(record.variable) * way.factor + way.shift)
        else:
            # What is compiled holds constraints and numbers.
            halves = Halves(problem, values_of(problem.model))
        try:
            return halves.train(steps), halves.of_others() or 0.0
        finally:
            put(start)


@contextlib.contextmanager
def changed(way: Otherwise) -> Iterator[None]:
    """For a while numbers are others, or weights have no constraint; a start is left to others."""
    with contextlib.ExitStack() as stack:
        if way.kind == "number":
            for layer in way.layers:
                number = getattr(layer, way.name) * way.factor
                stack.enter_context(attribute(layer, way.name, number))
        if way.kind == "constraint":
            for record in way.records:
                stack.enter_context(_free(record.variable))
        yield


@contextlib.contextmanager
def _free(variable):
    held, variable.constraint = variable.constraint, None
    try:
        yield
    finally:
        variable.constraint = held


def _ways(problem) -> Iterable[Otherwise]:
    """What can be changed, each for all layers of one class."""
    own = [record for record in walk(problem.model) if is_custom(record.layer)]
    starts = _grouped(record for record in own if record.variable.trainable)
    for (_, name), records in starts.items():
        values = [to_numpy(record.variable) for record in records]
        for factor in _FACTORS if all(value.any() for value in values) else ():
            yield Otherwise("start", records, name=name, factor=factor)
        constant = name not in STARTS and not any(np.ptp(value) for value in values)
        for shift in _SHIFTS if constant else ():
            yield Otherwise("start", records, name=name, shift=shift)
    constraints: dict[str, tuple[WeightRecord, ...]] = {}
    # Where targets are the inputs, a rule may be there to forbid a copy.
    for record in () if _repeats(problem) else walk(problem.model):
        if record.constraint is not None and record.variable.trainable:
            name = type(record.constraint).__name__
            if is_custom(record.constraint):
                constraints[name] = (*constraints.get(name, ()), record)
    for name, records in constraints.items():
        yield Otherwise("constraint", records, name=name)
    for (_, name), layers in _numbers(problem).items():
        for factor in _OF_NUMBERS:
            yield Otherwise("number", layers=layers, name=name, factor=factor)


def _repeats(problem):
    """Whether the targets are the inputs once more."""
    ends = [[to_numpy(part) for part in keras.tree.flatten(one)] for one in (problem.x, problem.y)]
    return any(np.array_equal(given, wanted) for given in ends[0] for wanted in ends[1])


def _grouped(records):
    found: dict[Any, tuple[WeightRecord, ...]] = {}
    for record in records:
        key = kind_of_layer(record.layer), record.variable.name
        found[key] = (*found.get(key, ()), record)
    return found


def _numbers(problem):
    """The numbers that layers of the user's own hold as attributes, by class and name."""
    found: dict[Any, tuple[Any, ...]] = {}
    for layer in problem.model._flatten_layers(include_self=False):
        for name, value in vars(layer).items() if is_custom(layer) else ():
            if type(value) is float and value and not name.startswith("_"):
                key = kind_of_layer(layer), name
                found[key] = (*found.get(key, ()), layer)
    return found
