"""Weights that the steps hardly move, as they are large and the learning rate is not."""

import math

import keras
import numpy as np

from constrainit.doctor._evidence import Evidence, SlowEvidence
from constrainit.doctor._halves import Halves, Values, can_be_halved, tried
from constrainit.doctor._own_optimizer import clips_of, inner_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._schedules import schedule_of
from constrainit.doctor._statistics import to_numpy

MOVED = 1e-4
"""Steps that move a weight by less of itself would need ten thousand for all of it."""

_CRAWLS = 1e-2
"""Steps that move all by less than this share come nowhere where what is sought is far away."""

_STILL = 0.01
"""A loss that loses less than this share of itself does not fall."""

_KNOWN = 0.7
"""A loss that is below this share of that with shuffled weights has been learnt."""

_SMALL = 0.1
"""Data of this size make gradients small that are products with them, as those of a layer are."""

_FEWEST = 15
_FACTORS = (1e2, 1e4)
_GAIN = 0.2
"""A larger rate is of use where it takes so much off the loss, and ten times what the own takes."""


def too_slow(problem: Problem, evidence: Evidence, start: Values) -> SlowEvidence | None:
    """The weight that moves least, where a rate so many times as large trains on half the batch.

    So is one that the steps without a clip of the gradients train, where the own ones clip them.

    None where some weight is moved, where the loss falls, and with a schedule, which may begin
    low; of a model that has been trained before, too, be it by its optimizer, or, as pretrained
    weights have been, by another one, for which a low rate is meant.

    Args:
        problem: The problem.
        evidence: What is known of it.
        start: The model's variables, and what they were before any step.
    """
    losses, rate = evidence.losses, evidence.rate
    moving = [made for made in evidence.gradients if made.norm]
    clip = clips_of(problem.optimizer)
    # How far zeros move, as of biases, has no share; a clip holds them back with the others.
    shares = [made.moved for made in moving if made.moved is not None or not clip]
    most = max((share or math.inf for share in shares), default=math.inf)
    if most >= _CRAWLS or not rate or len(losses) <= _FEWEST or evidence.trained:
        return None
    if losses[-1] < losses[0] - _STILL * abs(losses[0]) or not can_be_halved(problem):
        return None
    if schedule_of(problem.optimizer) is not None:
        return None
    slowest = min(moving, key=lambda made: made.moved or math.inf)
    steps = len(losses) - 1
    size = _size(slowest.record)
    moved = slowest.moved or 0.0
    with tried(problem, "a higher learning rate is"):
        halves = Halves(problem, start)
        first = halves.loss()
        if _knows(halves, first):
            return None
        given = halves.train(steps)
        if clip and most < MOVED:
            free, far = _without(clip, problem, start, steps, slowest.record.variable)
            if _gains(first, given, free) and far > MOVED:
                seen = (first, given, free)
                return SlowEvidence(slowest.record, size, moved, rate, 1.0, steps, seen, clip, far)
        for factor in _FACTORS:
            halves.begin()
            faster = halves.train(steps, [factor * rate] * steps)
            if not _gains(first, given, faster):
                continue
            far = slowest.record
            if most >= MOVED:
                # Weights that are moved a little get there in as many steps as training takes.
                if factor < _FACTORS[-1]:
                    return None
                far = max((made.record for made in moving), key=_size)
                size = max(size, _size(far))
            seen = (first, given, faster)
            small = {} if evidence.epsilon is not None else _far_below_one(problem)
            return SlowEvidence(far, size, moved, rate, factor, steps, seen, small=small)
    return None


def _far_below_one(problem):
    """The size of the data and of the targets, the root of their mean square, where it is small."""
    found = {}
    for name, values in (("data", problem.x), ("targets", problem.y)):
        parts = [to_numpy(part) for part in keras.tree.flatten(values) if part is not None]
        if parts and all(part.dtype.kind == "f" and part.size for part in parts):
            size = math.sqrt(max(float(np.mean(np.square(part))) for part in parts))
            if 0 < size < _SMALL:
                found[name] = size
    return found


def _size(record):
    return float(np.max(np.abs(to_numpy(record.variable))))


def _gains(first, given, other):
    """Whether another training takes much off the loss, and ten times what the given one takes."""
    gain = first - other
    return gain > _GAIN * abs(first) and gain > 10 * (first - given)


def _without(clip, problem, start, steps, variable):
    """The loss after steps that nothing clips, and how far the first of them moves a weight."""
    own = inner_of(problem.optimizer)
    config = {**own.get_config(), **dict.fromkeys(clip)}
    halves = Halves(problem, start, type(own).from_config(config))
    before = to_numpy(variable)
    halves.train(1)
    far = np.linalg.norm(to_numpy(variable) - before) / max(np.linalg.norm(before), 1e-30)
    halves.begin()
    return halves.train(steps), float(far)


def _knows(halves, loss):
    """Whether the weights as they are do clearly better than the same ones in another order.

    And than they do where each example has the targets of another one: a loss that is as good for
    these is one of chance.
    """
    others, draws = halves.of_others(), np.random.default_rng(0)
    apart = others is None or loss < _KNOWN * others
    return apart and 0 <= loss < _KNOWN * min(halves.shuffled(draws) for _ in range(3))
