"""Constraints of the user's own that turn or roll a whole weight, for lack of an axis."""

import ast
from typing import Any

import numpy as np

from constrainit.doctor._code import as_kind, is_of_library
from constrainit.doctor._constraint_calls import called
from constrainit.doctor.treatments._edits import method_calls, with_argument
from constrainit.doctor.treatments._rewriting import kind_of, registered_as_before, rewritten
from constrainit.model import WeightRecord

_WHOLE = ("flip", "roll", "cumsum", "cumprod", "repeat")
"""What acts along one axis, and on all of them or a flat copy where none is given."""

_AXIS_AT = {"flip": 1, "roll": 2, "cumsum": 1, "cumprod": 1, "repeat": 2}
_MOST = 1_000_000


def whole_call(record: WeightRecord) -> tuple[str, Any] | None:
    """What acts on all axes, and a constraint of the same kind in which it acts along the first.

    None if there is no such call, or it comes to the same. The source is edited in memory.

    Args:
        record: The weight, whose constraint is the user's own.
    """
    constraint, kind = record.constraint, kind_of(record.constraint)
    if len(record.shape) < 2 or not 0 < np.prod(record.shape) <= _MOST:
        return None
    if is_of_library(kind.__module__):
        return None
    names: list[str] = []

    def edit(text):
        names.extend(n.func.attr for n in method_calls(text) if _is_whole(n))
        return along_the_first(text)

    with registered_as_before():
        made = rewritten(kind, edit)
    if made is None:
        return None
    other = made[0] if kind is constraint else as_kind(constraint, made[0])
    value = np.random.default_rng(0).normal(size=record.shape)
    images = called(record, value), called(record, value, other)
    if images[0] is None or images[1] is None or images[1].shape != record.shape:
        return None
    return None if np.allclose(images[0], images[1]) else (names[0], other)


def along_the_first(text: str) -> tuple[str, str] | None:
    """An edit: what is turned or rolled as a whole, along the first axis."""
    new = with_argument(text, "axis", "0", _is_whole)
    return None if new is None else ("what acted on all axes acts along axis 0", new)


def _is_whole(node):
    """Whether a call is one of those without an axis."""
    attr = node.func.attr
    module = ast.unparse(node.func.value).split(".")[-1]
    known = attr in _WHOLE and module in ("ops", "np", "numpy", "jnp", "K", "torch", "tf")
    return known and len(node.args) <= _AXIS_AT[attr]
