"""Remedies for axes that nothing of the constraint tells: others, or those of the units."""

from collections.abc import Iterable
from typing import Any

from constrainit._set import ConstraintSet
from constrainit.doctor._axes import along, given_axes, settled_norm
from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import arguments_of
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import written
from constrainit.doctor.treatments._calls import with_argument
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
        axes = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        axes = list(axes)
        known = all(isinstance(axis, int) for axis in axes)
        return known and tuple(sorted({axis % rank for axis in axes})) == seen.given

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
