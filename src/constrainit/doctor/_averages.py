"""The moving averages that an optimizer keeps of weights, and which of them are outside."""

import contextlib
from collections.abc import Iterator
from typing import Any

from keras import ops

from constrainit._average import averages
from constrainit._joint import Member
from constrainit._set import ConstraintSet
from constrainit.doctor._evidence import AverageEvidence
from constrainit.doctor._own_optimizer import has_stepped, inner_of


@contextlib.contextmanager
def averages_of_members(problem: Any, constraints: Any) -> Iterator[None]:
    """A step after which averages are of weights as the sets of this library have left them.

    The optimizer steps here without constraints, and averages what the step gave; in `fit` it
    averages members, see `of_members`. Those of a convex set are left out, as is what `fit` does
    not do either.
    """
    inner = inner_of(problem.optimizer)
    held = []
    if getattr(inner, "use_ema", False):
        slots = inner._model_variables_moving_average
        for variable, slot in zip(problem.trainable, slots, strict=True):
            constraint = constraints.of(variable)
            if slot is not None and _takes_members(constraint) and not _is_convex(constraint):
                held.append((variable, ops.copy(slot), slot))
    momentum = inner.ema_momentum if held and int(inner.iterations) > 0 else 0.0
    yield
    for variable, before, slot in held:
        slot.assign(momentum * before + (1.0 - momentum) * variable)


def averages_outside(problem: Any, constraints: Any, records: list[Any]) -> list[AverageEvidence]:
    """The averages that an optimizer keeps and that are outside, where it keeps some.

    Those of sets that take their time are left out: such weights may be outside themselves.
    """
    optimizer, found = inner_of(problem.optimizer), []
    if not getattr(optimizer, "use_ema", False):
        return found
    own, projected = problem.model.optimizer, problem.projects_averages
    came = problem.given_optimizer is None and has_stepped(problem.model)
    # By identity: a trial may train weights that the model's own optimizer does not know.
    kept = {id(weight): average for weight, average in averages(own)} if came else {}
    slots = optimizer._model_variables_moving_average
    for record, slot in zip(records, slots, strict=True):
        if record is None:
            continue
        constraint = constraints.of(record.variable)
        if constraint is None or getattr(constraint, "paced", False):
            continue
        average = kept.get(id(record.variable))
        inside = _takes_members(constraint) and _is_convex(constraint)
        outside = 0.0 if inside else constraints.outside(record, slot, projected)
        held = None if average is None else constraints.outside(record, average, projected)
        if outside > 0 or (held or 0.0) > 0:
            ends = _ends_inside(constraint)
            found.append(AverageEvidence(record, outside, held, problem.of_file, ends))
    return found


def _ends_inside(constraint):
    """Whether `fit` ends with the projection of the average, see `ending_inside`."""
    return isinstance(constraint, (ConstraintSet, Member))


def _takes_members(constraint):
    """Whether the average takes what the constraint leaves: a function may count its calls."""
    return _ends_inside(constraint) and getattr(constraint, "traceable", True)


def _is_convex(constraint):
    """Whether the average of what a constraint leaves is inside."""
    return getattr(constraint, "convex", False)
