"""Constants of a constraint, one number for each entry of an axis, that another axis may be for."""

from typing import Any

import numpy as np

from constrainit.doctor._code import as_kind, is_of_library
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._evidence import AxisEvidence
from constrainit.doctor._misfits import Constant, constants_in_use
from constrainit.doctor._ordered_axes import ordered_along
from constrainit.doctor._whole_calls import along_the_first
from constrainit.doctor.treatments._edits import laid_out
from constrainit.doctor.treatments._rewriting import kind_of, registered_as_before, rewritten
from constrainit.model import WeightRecord

_MOST = 1_000_000
_LARGE = 100.0
"""A bound acts on weights beyond it, and a sign on all."""


def movable_constants(record: WeightRecord) -> list[tuple[Constant, list[int]]]:
    """The vectors that a constraint of the user's own takes, each with the axes it fits as well.

    Such a vector acts along the last axis of a weight, and there is another one of the same length:
    nothing but its numbers tells which is meant.

    Args:
        record: The weight, whose constraint is the user's own.
    """
    shape = record.shape
    if len(shape) < 2 or not 0 < np.prod(shape) <= _MOST or shape[-1] < 2:
        return []
    others = [axis for axis, size in enumerate(shape[:-1]) if size == shape[-1]]
    if not others or is_of_library(kind_of(record.constraint).__module__):
        return []
    known = constants_in_use(record.constraint)
    return [(one, others) for one in known if one.shape == shape[-1:] and not one.turned]


def with_constant_along(record: WeightRecord, constant: Constant, axis: int) -> Any:
    """A constraint of the same kind whose constant acts along an axis; None if that is the same.

    Its source is edited in memory.

    Args:
        record: The weight.
        constant: What acts along the last axis.
        axis: The one that is tried.
    """
    constraint, kind = record.constraint, kind_of(record.constraint)
    with registered_as_before():
        made = rewritten(kind, constant_along(constant, axis, len(record.shape)))
    if made is None:
        return None
    other = made[0] if kind is constraint else as_kind(constraint, made[0])
    value = _LARGE * np.random.default_rng(0).normal(size=record.shape)
    images = called(record, value), called(record, value, other)
    if images[0] is None or images[1] is None or images[1].shape != record.shape:
        return None
    return None if np.allclose(images[0], images[1]) else other


def edit_along(seen: AxisEvidence) -> Any:
    """The edit of a constraint for the axis with which its model trains; None if it takes norms."""
    [other], rank = seen.other[:1], len(seen.record.shape)
    if seen.whole:
        return along_the_first
    if seen.constant is not None:
        return constant_along(seen.constant, other, rank)
    return ordered_along(seen.given[0], other, rank) if seen.in_order else None


def constant_along(constant: Constant, axis: int, rank: int) -> Any:
    """An edit: a vector acts along another axis than the last one.

    Args:
        constant: The vector.
        axis: The axis of the weight.
        rank: The rank of the weight.
    """
    name = f"keras.ops.array({constant.name})" if constant.listed else constant.name
    shape = (-1, *(1,) * (rank - 1 - axis))
    return laid_out(constant.name, f"along axis {axis}", f"keras.ops.reshape({name}, {shape})")
