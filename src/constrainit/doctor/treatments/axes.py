"""Remedies for axes that nothing of the constraint tells: others, or those of the units."""

from typing import Any

from constrainit._set import ConstraintSet
from constrainit.doctor._axes import along, axes_in, given_axes, settled_norm
from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._own_copies import as_made
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._calls import with_argument
from constrainit.doctor.treatments._meaning import meant_set
from constrainit.doctor.treatments._pastes import given, told
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_inside
from constrainit.sets import SpectralNorm


def along_other_axes(problem, evidence, found):
    """The same constraint along the axes with which the model trains, and a start inside."""
    paths = {finding.weight for finding in found}
    known = [one for one in evidence.other_axes if one.record.path in paths]
    seen = [one for one in known if given_axes(one.record) is not None]
    if not seen:
        return None
    changes, sets, diffs = [], {}, []
    for one in seen:
        record, constraint = one.record, one.record.constraint
        other = along(constraint, one.other)
        alike = [
            s for s in seen if (type(s.record.constraint), s.given) == (type(other), one.given)
        ]
        changes.append(f"axis={other.axis} in place of axis={constraint.axis}")
        sets[record.path] = call_of(other)
        diffs.append(_diff(one, other, len(alike)))
    for one in seen:
        one.record.variable.constraint = along(one.record.constraint, one.other)
    start_inside(problem, evidence, paths)
    code = f"{given(problem, sets)}\nci.prepare(model)"
    return Changed(
        f"{', '.join(dict.fromkeys(changes))}, and a start inside",
        code=code,
        diff="\n".join(diff for diff in dict.fromkeys(diffs) if diff),
    )


def call_of(constraint: Any) -> str:
    """How an object of a class is made, from its config."""
    if isinstance(constraint, ConstraintSet):
        return written(constraint)
    kind = type(constraint)
    config = arguments_of(constraint)
    module = "keras.constraints." if kind.__module__.split(".")[0] == "keras" else ""
    return f"{module}{kind.__name__}({', '.join(f'{k}={v!r}' for k, v in config.items())})"


def _diff(seen, other, most):
    """The change where the user's file makes the constraint; empty if that is not found."""
    record, rank = seen.record, len(seen.record.shape)

    def is_given(value):
        return axes_in(value, rank) == seen.given

    kinds = [kind_of_layer(record.layer)] if is_custom(record.layer) else []
    kinds += [] if is_of_library(type(other).__module__) else [type(other)]
    return with_argument(kinds, type(other), "axis", is_given, other.axis, most)


def spectral_norm_of_the_convolution(problem, evidence, found):
    """`SpectralNorm`, for a norm of another matrix than that of the units, or one from a few turns.

    The bound is what the norm comes to as the constraint is called again and again.
    """
    sets, paths = {}, {finding.weight for finding in found}
    for made in evidence.constraints:
        if made.record.path not in paths or not (made.unfolded or made.assigned):
            continue
        bound = settled_norm(made)
        if bound is not None:
            a_set = SpectralNorm(bound)
            made.record.variable.constraint = made.record.resolved(a_set)
            sets[made.record.path] = written(a_set)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    code = f"{given(problem, sets)}{code}"
    return Changed(f"the norm of the convolution, {told(problem, sets)}{started}", code=code)


def with_the_axes_of_units(problem, evidence, found):
    """A constraint of the user's own made with the axes of the units, and a start inside."""
    records = {made.record.path: made.record for made in evidence.constraints}
    chosen = {}
    for finding in found:
        record = records.get(finding.weight)
        other = None if record is None else _made_along(record, finding.evidence)
        if record is not None and other is not None and "..." not in as_made(other[1]):
            chosen[record.path] = record, *other
    if not chosen:
        return None
    changes, diffs = [], []
    for record, name, other in chosen.values():
        used, new = (arguments_of(one)[name] for one in (record.constraint, other))
        changes.append(f"{name}={new} in place of {name}={used}")
        diffs.append(_diff_of_all(records, chosen, name, used, new))
    sets = {path: as_made(other) for path, (_, _, other) in chosen.items()}
    for record, _, other in chosen.values():
        record.variable.constraint = other
    started, code = start_inside(problem, evidence, set(chosen))
    return Changed(
        f"{', '.join(dict.fromkeys(changes))}{started}",
        code=f"{given(problem, sets)}{code}",
        diff="\n".join(diff for diff in dict.fromkeys(diffs) if diff),
    )


def _made_along(record, numbers):
    """The argument for axes of a constraint of the user's own, and one made with the right ones."""
    used, right, rank = numbers.get("axis"), numbers.get("unit_axes"), len(record.shape)
    if not used or not right or is_of_library(type(record.constraint).__module__):
        return None
    for name, value in arguments_of(record.constraint).items():
        if name not in _AXES or axes_in(value, rank) != tuple(sorted(used)):
            continue
        several = type(value) if isinstance(value, (list, tuple)) else tuple
        new = right[0] if isinstance(value, int) and len(right) == 1 else several(right)
        return name, another(record.constraint, name, new)
    return None


_AXES = ("axis", "axes", "dim", "dims")
"""Arguments that name axes."""


def _diff_of_all(records, chosen, name, used, new):
    """The change where the user's file makes a constraint, if all that it makes are to change."""
    [first, *_] = [r for r, n, o in chosen.values() if (n, arguments_of(o)[n]) == (name, new)]
    kind, rank = type(first.constraint), len(first.shape)
    alike = [
        record for record in records.values()
        if type(record.constraint) is kind and arguments_of(record.constraint).get(name) == used
    ]  # fmt: skip
    if any(record.path not in chosen for record in alike):
        return ""
    kinds = [kind_of_layer(first.layer)] if is_custom(first.layer) else []

    def is_given(value):
        return axes_in(value, rank) == axes_in(used, rank)

    return with_argument([*kinds, kind], kind, name, is_given, new, len(alike))


def exact_sets_of_units(problem, evidence, found):
    """The set that a constraint of the user's own means, along the axes of each unit."""
    sets, records = {}, {made.record.path: made.record for made in evidence.constraints}
    for finding in found:
        record = records.get(finding.weight)
        if record is None or is_of_library(type(record.constraint).__module__):
            continue
        meant = meant_set(record)
        if meant is not None and meant.unit_axis is not None:
            a_set = set_along(meant, None)
            record.variable.constraint = record.resolved(a_set)
            sets[record.path] = written(a_set)
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    return Changed(
        "the set that the constraint means, along the axes of each unit, "
        f"{told(problem, sets)}{started}",
        code=f"{given(problem, sets)}{code}",
    )


def set_along(a_set, axis):
    """The same set along other axes, or what applies it, or consists of such sets.

    Args:
        a_set: A set, or None.
        axis: The axes; None for those that it finds itself.
    """
    if a_set is None or a_set.unit_axis is None:
        return a_set
    arguments = a_set._arguments()
    if isinstance(arguments.get("set"), ConstraintSet):
        new = {"set": set_along(a_set.set, axis)}
    elif "sets" in arguments:
        new = {"sets": [set_along(one, axis) for one in a_set.sets]}
    else:
        new = {"axis": axis}
    return type(a_set)(**{**arguments, **new})
