"""A remedy for bounds of entries that contradict a sum: ones that leave room for it."""

from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._contradicting import contradiction
from constrainit.doctor._recording import is_custom
from constrainit.doctor.treatments._calls import with_argument
from constrainit.doctor.treatments._candidates import shortest
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.axes import call_of
from constrainit.doctor.treatments.starts import start_inside
from constrainit.sets import Box, Simplex

_ROOM, _ROUND = 2.0, 0.12
"""A cap is so many times an equal share, and a floor an equal share by it; rounded by so much."""


def with_room(problem, evidence, found):
    """Constraints with a bound that the sum leaves room for, by their argument where it is one.

    Else the set that is meant: shares in such bounds.
    """
    paths, sets, diffs, said = {f.weight for f in found}, {}, [], []
    for made in evidence.constraints:
        if made.record.path not in paths or made.contradicts is None:
            continue
        bound = room_in(made.contradicts)
        other, diff = _by_argument(made, bound) or (_as_set(made.contradicts, bound), "")
        if other is None:
            continue
        made.record.variable.constraint = other
        sets[made.record.path] = call_of(other)
        said.append(f"a {'cap' if made.contradicts.is_cap else 'floor'} of {bound:g}")
        diffs.append(diff)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    diff = "\n".join(filter(None, dict.fromkeys(diffs)))
    code = code.strip() if diff else f"{given(problem, sets)}{code}"
    told = f", {', '.join(sets.values())}"
    return Changed(f"{', '.join(dict.fromkeys(said))}{told}{started}", code=code, diff=diff)


def room_in(found):
    """A bound with room for the sum, or norm."""
    return shortest(found.equal * _ROOM if found.is_cap else found.equal / _ROOM, _ROUND)


def _by_argument(made, bound):
    """The constraint with another value of the argument that is the bound, and its diff."""
    record, told = made.record, made.contradicts
    constraint = record.constraint
    if not told.name or arguments_of(constraint).get(told.name) != told.bound:
        return None
    other = another(constraint, told.name, bound)
    held, record.variable.constraint = constraint, other
    still = contradiction(record)
    record.variable.constraint = held
    if still is not None:
        return None
    kinds = [kind_of_layer(record.layer)] if is_custom(record.layer) else []
    kinds += [] if is_of_library(type(constraint).__module__) else [type(constraint)]

    def is_given(value):
        return type(value) in (int, float) and value == told.bound

    return other, with_argument(kinds, type(constraint), told.name, is_given, bound, 1)


def _as_set(told, bound):
    if told.power != 1:
        return None
    box = Box(0.0, bound) if told.is_cap else Box(bound, None)
    return Simplex(told.total, axis=list(told.axis)) & box
