"""Does a trained weight change the loss, and nothing that the model predicts?

One that multiplies it makes the loss a straight line in its size, and the steps take it to zero.
With another the loss may fall without end, as with `exp(-s) * error - s`, or to nothing whatever
the targets are, as with `exp(-s) * error`.
"""

import contextlib
import itertools
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._evidence import Evidence, SwitchEvidence
from constrainit.doctor._losses_at import loss_now, loss_of_step
from constrainit.doctor._plain import differ, outputs_of
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import attribute, snapshot
from constrainit.doctor._statistics import to_numpy

_SMALLER = (0.5, 0.015625)
_MOST = 8
"""So many weights are looked at, each for the price of two steps."""

_LEAST = 0.05
_STRAIGHT = 1e-3

_FURTHER = (4.0, 16.0, 64.0)
_ENDLESS = 0.7
"""Over four times the way what falls like a line or a logarithm falls no less than before."""

_NOTHING = 0.01
"""What is left at most, at the end, of a loss that counts for ever less."""


def switches(
    problem: Any, constraints: Any, evidence: Evidence, small: list[tuple[Any, Any]]
) -> list[SwitchEvidence]:
    """The vectors and numbers of the user's own layers that do so, and allow it.

    The weights stay as they are. Nothing is found where two passes give different losses.

    Args:
        problem: The problem, after the steps.
        constraints: Its constraints.
        evidence: What is known of it.
        small: Small weights of the user's own layers, and their values before the steps.
    """
    found = []
    for record in [r for r in evidence.weights if _may_be_one(r)][:_MOST]:
        if _allows(constraints, record, _SMALLER[1] * to_numpy(record.variable)):
            found.append(_shrinking(problem, record))
    known = {id(made.record.variable) for made in found if made is not None}
    moved = [
        (record, np.sign(to_numpy(record.variable) - start))
        for record, start in small
        if record.variable.trainable and len(record.shape) < 2 and id(record.variable) not in known
    ]
    loss = evidence.losses[-1] if evidence.losses else 0.0
    for record, ways in [(record, ways) for record, ways in moved if ways.any()][:_MOST]:
        far = [to_numpy(record.variable) + way * ways for way in _FURTHER]
        if _allows(constraints, record, far[-1]):
            found.append(_falling(problem, record, far, loss))
    return [made for made in found if made is not None]


def _shrinking(problem, record):
    """A weight that multiplies a part of the loss."""
    own = to_numpy(record.variable)
    values = [own, own, *(scale * own for scale in _SMALLER)]
    whole, again, half, least = _losses(problem, record, values)
    slopes = (whole - half) / (1 - _SMALLER[0]), (half - least) / (_SMALLER[0] - _SMALLER[1])
    share = slopes[0] / max(abs(whole), 1e-30)
    straight = abs(slopes[0] - slopes[1]) <= _STRAIGHT * abs(slopes[0])
    if share <= _LEAST or not straight or not _repeats(whole, again):
        return None
    same = _predicts_the_same(problem, record, values[-1])
    return SwitchEvidence(record, float(share), None) if same else None


def _falling(problem, record, far, loss):
    """A weight with which the loss falls below zero and on, or to nothing, the way that it went."""
    own = to_numpy(record.variable)
    # Each loss costs a step, and most losses are neither.
    end = _losses(problem, record, far[-1:])[0]
    if not end < _NOTHING * abs(loss):
        return None
    whole, again, *losses = _losses(problem, record, [own, own, *far])
    if not _repeats(whole, again):
        return None
    if end < 0:
        first, last = losses[0] - losses[1], losses[1] - losses[2]
        falls = losses[2] < 0 and whole > losses[0] and first > 0 and last >= _ENDLESS * first
    else:
        falls = _is_nothing([whole, *losses]) and _of_any_targets(problem, record, far)
    same = falls and _predicts_the_same(problem, record, far[-1])
    return SwitchEvidence(record, None, losses[2]) if same else None


def _is_nothing(losses):
    """Whether losses go down to nothing, each step of the way."""
    down = all(after <= before for before, after in itertools.pairwise(losses))
    return down and 0 <= losses[-1] < _NOTHING * losses[0]


def _of_any_targets(problem, record, far):
    """Whether the loss goes to nothing with the targets of other examples, too."""
    if problem.y is None:
        return False
    others = keras.tree.map_structure(lambda part: ops.roll(part, 1, axis=0), problem.y)
    with attribute(problem, "y", others):
        return _is_nothing(_losses(problem, record, [to_numpy(record.variable), *far], loss_now))


def _repeats(loss, again):
    return abs(loss - again) <= _STRAIGHT * abs(loss)


@contextlib.contextmanager
def _put_back(variables):
    held = [(variable, snapshot(variable)) for variable in variables]
    try:
        yield
    finally:
        for variable, value in held:
            variable.assign(value)


def _may_be_one(record):
    small = record.variable.trainable and len(record.shape) < 2
    return small and is_custom(record.layer) and bool(to_numpy(record.variable).min(initial=1) > 0)


def _allows(constraints, record, value):
    """Whether its constraint leaves a value of the weight as it is."""
    if constraints.of(record.variable) is None:
        return True
    image = constraints.image(record, value) if record in constraints.records else None
    return image is not None and np.allclose(image, value, rtol=0.1, atol=0)


def _losses(problem, record, values, loss=loss_of_step):
    """The losses with several values of the weight."""
    found = []
    with _put_back([*problem.others, record.variable]):
        for value in values:
            record.assign(ops.cast(value, record.dtype))
            found.append(loss(problem))
    return found


def _predicts_the_same(problem, record, value):
    before = outputs_of(problem)
    with _put_back([*problem.others, record.variable]):
        record.assign(ops.cast(value, record.dtype))
        return not differ(before, outputs_of(problem))
