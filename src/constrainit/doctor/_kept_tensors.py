"""Tensors that a constraint of the user's own keeps of one call for the next ones."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from constrainit.doctor._blocks import distance
from constrainit.doctor._constraint_doubts import NOTICEABLE
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.engines import engine
from constrainit.model import WeightRecord


class Kept(NamedTuple):
    """A tensor of its first call that a constraint keeps as an attribute.

    Attributes:
        name: The attribute.
        raises: What the constraint raises when it is compiled once more, or an empty string.
        apart: How far what it gives for another weight is from what it gives for that weight if it
            is the first one, relative to its norm.
        is_weight: Whether it is the weight's own memory, and what the constraint gives depends on
            it.
    """

    name: str
    raises: str
    apart: float
    is_weight: bool


def kept_tensor(record: WeightRecord) -> Kept | None:
    """What a constraint keeps of its first call, where that breaks or changes the later ones.

    Copies of it are called. What each call replaces is a state that goes on, and is left out, as
    is what a first call has computed of the weight, where it stays what it was.
    """
    # A user's constraint may refuse to be copied; what it raises at its first call is told as that.
    try:
        constraint, before = copy.copy(record.constraint), dict(vars(record.constraint))
        engine().call_constraint(record, constraint)
        names = list(_new_tensors(constraint, before))
        raises = _raised(record, constraint) if names else ""
        found = [Kept(name, raises, *_effect(record, name)) for name in names]
    except Exception:
        return None
    return next((one for one in found if one.raises or one.is_weight), None)


@contextlib.contextmanager
def put_back(constraints: list[Any]) -> Iterator[None]:
    """Puts the attributes of constraints back: what they keep in between is not of the training."""
    held = [(one, dict(vars(one))) for one in {id(c): c for c in constraints}.values()]
    try:
        yield
    finally:
        for owner, parts in held:
            vars(owner).clear()
            vars(owner).update(parts)


def _new_tensors(constraint, before) -> Iterator[str]:
    for name, value in vars(constraint).items():
        if value is not before.get(name) and keras.ops.is_tensor(value):
            yield name


def _raised(record, constraint):
    try:
        # What belongs to a trace that is over can not be computed with.
        constraint(_variable(record, record.variable.value))
    # Whatever a second call raises is what is asked for.
    except Exception as exception:
        return type(exception).__name__
    return ""


def _effect(record, name) -> tuple[float, bool]:
    """How far the first weight changes what a second one becomes, and whether it is that weight."""
    first, alone = copy.copy(record.constraint), copy.copy(record.constraint)
    value = to_numpy(record.variable)
    other = np.random.default_rng(0).normal(size=record.shape).astype(value.dtype)
    variable, second = (_variable(record, v) for v in (value, other))
    first(variable)
    kept: Any = vars(first)[name]
    image = to_numpy(first(second))
    if vars(first)[name] is not kept:
        return 0.0, False
    apart = distance(image, to_numpy(alone(_variable(record, other))))
    variable.assign(other)
    now = to_numpy(kept)
    follows = now.shape == other.shape and np.array_equal(now, to_numpy(second))
    return apart, follows and apart > NOTICEABLE


def _variable(record, value):
    return keras.Variable(value, dtype=record.dtype)
