"""Remedies for a constraint of the user's own whose bound is where a layer is not defined."""

import functools
import operator
import textwrap
from typing import Any

import numpy as np
from keras import ops

from constrainit._obey import project
from constrainit.doctor._code import as_kind, is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._far_points import far_image
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._calls import with_argument
from constrainit.doctor.treatments._closer import SHARE, closer, edits
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments._rewriting import (
    kind_of,
    rewritten,
    source_of,
)
from constrainit.doctor.treatments.axes import call_of

_NEAR = 2e-3


def bounds_drawn_in(problem, evidence, found):
    """A constraint whose bound is a hundredth nearer: by an argument, or a number in its source."""
    paths, done = {finding.weight for finding in found}, []
    for record in (corner.record for corner in evidence.corners):
        constraint = record.constraint
        if record.path not in paths or is_of_library(kind_of(constraint).__module__):
            continue
        changed = _by_argument(problem, record) or _by_source(record)
        if changed is not None:
            record.variable.constraint, one = changed
            done.append(one)
    if not done:
        return None
    project(problem.model)
    changes, codes, diffs = (
        list(dict.fromkeys(part for part in parts if part))
        for parts in zip(*((one.change, one.code, one.diff) for one in done), strict=True)
    )
    code = "\n".join([*codes, "ci.project(model)"]) if codes else ""
    change = f"a distance from the bound, {'; '.join(changes)}"
    return Changed(change, code=code, diff="\n".join(diffs))


def _by_argument(problem, record):
    """The constraint with another argument, and what was changed; None if none is its bound."""
    constraint = record.constraint
    for name, value in arguments_of(constraint).items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            continue
        other = another(constraint, name, closer(value))
        if _is_nearer(record, constraint, other):
            kinds = [kind_of_layer(record.layer)] if is_custom(record.layer) else []
            kinds, is_old = [*kinds, type(constraint)], functools.partial(operator.eq, value)
            diff = with_argument(kinds, type(constraint), name, is_old, closer(value), most=1)
            code = given(problem, {record.path: call_of(other)})
            return other, Changed(f"{name}={closer(value)} in place of {value}", None, code, diff)
    return None


def _by_source(record):
    """The constraint with a source in which its bound is nearer, and the diff; None if none is."""
    constraint = record.constraint
    kind = kind_of(constraint)
    source = source_of(kind)
    for edit in () if source is None else edits(textwrap.dedent("".join(source[0]))):
        made = rewritten(kind, edit)
        if made is None:
            continue
        new, sentence, diff = made
        other = new if kind is constraint else as_kind(constraint, new)
        if _is_nearer(record, constraint, other):
            return other, Changed(sentence, diff=diff)
    return None


def _is_nearer(record, constraint, other):
    """Whether the bound is a hundredth nearer, and what is well inside is left alone as before."""
    value = to_numpy(record.variable)
    value = value if value.any() else np.random.default_rng(0).normal(size=value.shape)
    images = [_image_of(record, one) for one in (constraint, other)]
    for sign in (1.0, -1.0):
        end, nearer = (far_image(image, sign * value) for image in images)
        if end is None:
            continue
        if nearer is None or not np.allclose(nearer, SHARE * end, rtol=_NEAR, atol=1e-6):
            return False
        inner, same = (image(0.5 * end) for image in images)
        return inner is not None and same is not None and np.allclose(inner, same, rtol=_NEAR)
    return False


def _image_of(record, constraint) -> Any:
    def image(value):
        try:
            return to_numpy(constraint(ops.cast(value, record.dtype)))
        # A constraint of the user's own may raise anything.
        except Exception:
            return None

    return image
