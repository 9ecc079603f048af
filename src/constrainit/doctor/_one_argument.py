"""One argument of a layer that gives several weights their constraint, as that of attention."""

from collections.abc import Iterator, Sequence
from typing import Any

from constrainit.doctor._attached import is_constraint
from constrainit.doctor._evidence import ConstraintEvidence, ServedEvidence
from constrainit.model import wrong_axes


def note_one_argument(model: Any, constraints: Sequence[ConstraintEvidence]) -> None:
    """Notes of weights along whose units a constraint does not work: it does for others.

    Keras gives the layers inside of another one a copy, by its config, of what that one was given.
    """
    wrong = [made for made in constraints if wrong_axes(made.record) is not None]
    for holder in model._flatten_layers() if wrong else []:
        inner = {id(layer) for layer in holder._flatten_layers(include_self=False)}
        for name, given in _arguments(holder):
            served = [
                made for made in constraints
                if id(made.record.layer) in inner and _is_of(given, made.record.constraint)
            ]  # fmt: skip
            fits = [made.record.path for made in served if _fits(made)]
            for made in served if fits else []:
                if any(made is one for one in wrong):
                    made.served = ServedEvidence(name, holder.name, tuple(fits))


def _arguments(holder: Any) -> Iterator[tuple[str, Any]]:
    for name, value in vars(holder).items():
        if name.endswith("_constraint") and is_constraint(value):
            yield name.removeprefix("_"), value


def _is_of(given, constraint):
    """Whether a constraint is the given one, or a copy of it."""
    if constraint is given:
        return True
    try:
        return type(constraint) is type(given) and constraint.get_config() == given.get_config()
    # A user's `get_config` may raise anything, or give what can not be compared.
    except Exception:
        return False


def _fits(made):
    """Whether it is known that a constraint works along the axes of a unit."""
    record = made.record
    try:
        along = record.resolved(record.constraint).unit_axis
    except ValueError:
        return False
    known = along is not None and record.axes is not None and len(record.shape) > 1
    return known and wrong_axes(record) is None
