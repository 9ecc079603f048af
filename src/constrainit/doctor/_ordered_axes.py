"""Constraints of the user's own that put numbers in order along an axis, and along another one."""

import ast
from typing import Any

import numpy as np

from constrainit.doctor._code import as_kind, is_of_library
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._edits import REDUCTIONS, all_replaced, method_calls, numbers_of
from constrainit.doctor.treatments._rewriting import kind_of, registered_as_before, rewritten
from constrainit.model import WeightRecord

_ORDERING = ("sort", "cumsum", "cumulative_sum", "cummax", "diff", "flip")
_MOST = 1_000_000


def order_axis(record: WeightRecord) -> int | None:
    """The axis along which a constraint puts any numbers in order; None if there is no such one.

    Args:
        record: The weight, whose constraint is the user's own.
    """
    shape = record.shape
    if len(shape) < 2 or not 0 < np.prod(shape) <= _MOST:
        return None
    value = np.random.default_rng(0).normal(size=shape)
    image = called(record, value)
    if image is None or np.allclose(image, value):
        return None
    found = [axis for axis, size in enumerate(shape) if size > 1 and _way(image, axis)]
    # What is the same everywhere is in order along all axes.
    return found[0] if len(found) == 1 and np.ptp(image, axis=found[0]).any() else None


def start_axis(record: WeightRecord, used: int) -> int | None:
    """Another axis along which a weight is in strict order, and not along the one that is used.

    So it is of a start that was made to be in order: by chance no weight of several rows is.

    Args:
        record: The weight, as it starts.
        used: The axis along which its constraint puts it in order.
    """
    start = to_numpy(record.variable)
    if not np.isfinite(start).all() or _is_strict(start, used):
        return None
    wide = [axis for axis, size in enumerate(start.shape) if size > 2 and axis != used]
    found = [axis for axis in wide if start.shape[used] > 1 and _is_strict(start, axis)]
    return found[0] if len(found) == 1 else None


def in_order_along(record: WeightRecord, used: int, other: int) -> Any:
    """A constraint of the same kind that puts numbers in order along another axis; None if none.

    Its source is edited in memory.

    Args:
        record: The weight.
        used: The axis along which its constraint puts it in order.
        other: The one that is meant.
    """
    constraint, kind = record.constraint, kind_of(record.constraint)
    if is_of_library(kind.__module__):
        return None
    with registered_as_before():
        made = rewritten(kind, ordered_along(used, other, len(record.shape)))
    if made is None:
        return None
    return made[0] if kind is constraint else as_kind(constraint, made[0])


def ordered_along(used: int, other: int, rank: int) -> Any:
    """An edit: what puts numbers in order along one axis does so along another one.

    Args:
        used: The axis that is written, or that stands for none where it is the last.
        other: The one to write.
        rank: The rank of the weight.
    """

    def is_used(node):
        return numbers_of(node) in ([used], [used - rank])

    def edit(text):
        places: list[Any] = []
        for call in method_calls(text):
            if call.func.attr not in (*_ORDERING, *REDUCTIONS):
                continue
            words = [word.value for word in call.keywords if word.arg == "axis"]
            written = words or call.args[1:2]
            if any(map(is_used, written)):
                places.append((written[0], str(other)))
            elif call.func.attr == "sort" and not written and used == rank - 1:
                taken = ", ".join(ast.unparse(one) for one in call.args)
                places.append((call, f"{ast.unparse(call.func)}({taken}, axis={other})"))
        said = f"the numbers go in order along axis={other}"
        return (said, all_replaced(text, places)) if places else None

    return edit


def _way(value, axis):
    """Whether values rise, or fall, along an axis everywhere."""
    steps = np.diff(value, axis=axis)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _is_strict(value, axis):
    steps = np.diff(value, axis=axis)
    return bool(steps.size and ((steps > 0).all() or (steps < 0).all()))
