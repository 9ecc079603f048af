"""A remedy for constraints that make all weights zero: the same ones with a smaller threshold."""

import keras
import numpy as np

from constrainit.doctor._code import kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._recording import is_custom
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._calls import with_argument
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.axes import call_of
from constrainit.doctor.treatments.starts import start_inside
from constrainit.doctor.treatments.wider import wider
from constrainit.model import walk

_FACTORS = (0.1, 0.01)
_MOST = 0.5
"""The share of the weights that a threshold may make zero as they start."""


def smaller(problem, evidence, found):
    """Each constraint like the first at fault, with a threshold below most of the weights."""
    paths = {finding.weight for finding in found}
    emptied = {m.record.path for m in evidence.constraints if m.emptied} & paths
    records = [record for record in walk(problem.model) if record.constraint is not None]
    own = next((record for record in records if record.path in emptied), None)
    if own is None or not isinstance(arguments_of(own.constraint), dict):
        return None
    done = _with_a_smaller_one(own)
    if done is None:
        return None
    name, value, other = done
    kind, old = type(own.constraint), arguments_of(own.constraint)
    alike = [
        record for record in records
        if type(record.constraint) is kind and arguments_of(record.constraint) == old
    ]  # fmt: skip
    kinds = [kind_of_layer(own.layer)] if is_custom(own.layer) else []
    new = arguments_of(other)[name]
    diff = with_argument([*kinds, kind], kind, name, lambda one: one == value, new, len(alike))
    for record in alike:
        record.variable.constraint = other
    start_inside(problem, evidence, {record.path for record in alike})
    sets = {record.path: call_of(other) for record in alike}
    code = "" if diff else given(problem, sets)
    return Changed(f"{name}={new:g} in place of {value:g}", code=code, diff=diff)


def _with_a_smaller_one(record):
    """The argument, what it is, and a constraint that leaves most of the start; None if none is."""
    numbers = {n: v for n, v in arguments_of(record.constraint).items() if type(v) is float}
    for factor in _FACTORS:
        found = []
        for name, value in numbers.items():
            other = another(record.constraint, name, wider(value, factor))
            if value > 0 and _leaves_most(record, other):
                found.append((name, value, other))
        if len(found) == 1:
            return found[0]
    return None


def _leaves_most(record, constraint):
    start = to_numpy(record.variable)
    # A constraint of the user's own may raise anything for another number.
    try:
        image = to_numpy(constraint(keras.Variable(start, dtype=record.dtype)))
    except Exception:
        return False
    whole = image.shape == start.shape and bool(np.isfinite(image).all())
    return whole and np.mean(image == 0) < _MOST
