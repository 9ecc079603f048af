"""A remedy for bounds that exclude what the data need: those with which the model trains."""

import math

from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._pressed import bounds_kept
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import written
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._calls import with_argument
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.axes import call_of
from constrainit.sets import Box


def wider(problem, evidence, found):
    """The bounds with which the model was seen to train, for each weight that needs it.

    By the argument of its constraint that is the bound, where there is one; else as a `Box`.
    """
    paths, said, sets, diffs = {f.weight for f in found}, [], {}, []
    for one in [one for one in evidence.pressed if one.record.path in paths]:
        record, (low, high) = one.record, one.wider
        other, diff = _by_arguments(one) or (Box(low, high), "")
        _put(record, other)
        sets[record.path] = written(other) if isinstance(other, Box) else call_of(other)
        diffs.append(diff)
        said.append(f"{sets[record.path]} for {record.path}")
    if not sets:
        return None
    diff = "\n".join(dict.fromkeys(filter(None, diffs)))
    return Changed(", ".join(said), code="" if diff else given(problem, sets), diff=diff)


def _put(record, other):
    """Gives a weight another constraint, and the attributes of its layer that hold the old one."""
    held = record.constraint
    for name in [name for name, value in vars(record.layer).items() if value is held]:
        setattr(record.layer, name, other)
    record.variable.constraint = other


def _by_arguments(one):
    """The constraint with other values of the arguments that are the bounds, and its diff."""
    record = one.record
    constraint, diff = record.constraint, ""
    for bound, wide in zip(one.given, one.wider, strict=True):
        if bound == wide:
            continue
        numbers = arguments_of(constraint).items()
        names = [n for n, v in numbers if type(v) in (int, float) and _is_same(v, bound)]
        if len(names) != 1:
            return None
        changed = another(constraint, names[0], wide)
        diff = diff or _diff(record, constraint, names[0], bound, wide)
        constraint = changed
    kept = bounds_kept(lambda value: _called(constraint, record, value), record)
    if kept is None or not all(map(_is_same, kept, one.wider)):
        return None
    return constraint, diff


def _called(constraint, record, value):
    try:
        return to_numpy(constraint(value.astype(record.dtype)))
    # A constraint of the user's own may raise anything.
    except Exception:
        return None


def _is_same(one, other):
    return one is other or (None not in (one, other) and math.isclose(one, other, rel_tol=1e-5))


def _diff(record, constraint, name, bound, wide):
    """The change where the user's file makes the constraint; empty if that is not found."""
    kinds = [kind_of_layer(record.layer)] if is_custom(record.layer) else []
    kinds += [] if is_of_library(type(constraint).__module__) else [type(constraint)]

    def is_given(value):
        return type(value) in (int, float) and _is_same(value, bound)

    return with_argument(kinds, type(constraint), name, is_given, wide, 1)
