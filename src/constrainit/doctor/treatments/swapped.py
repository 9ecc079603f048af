"""A remedy for bounds of a constraint that were given the wrong way round where it is made."""

import itertools

import numpy as np

from constrainit.doctor._code import is_of_library, kind_of_layer
from constrainit.doctor._constraint_calls import another, arguments_of, called
from constrainit.doctor._recording import is_custom
from constrainit.doctor.treatments._calls import with_swapped
from constrainit.doctor.treatments._pastes import given
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.axes import call_of
from constrainit.doctor.treatments.starts import start_inside
from constrainit.model import walk

_FAR = 100.0


def bounds_swapped(problem, evidence, found):
    """The constraint made with two of its numbers the other way round, the larger one last.

    Of one that gives the same whatever its weight is, and depends on the weight then.
    """
    paths, sets, diffs, names = {finding.weight for finding in found}, {}, [], set()
    records = [record for record in walk(problem.model) if record.constraint is not None]
    stuck = {made.record.path for made in evidence.constraints if made.always or made.only}
    for record in [one for one in records if one.path in paths & stuck]:
        constraint = record.constraint
        alike = [r for r in records if _is_alike(r.constraint, constraint)]
        done = _swapped(record)
        if done is None:
            continue
        pair, sets[record.path] = done, call_of(record.constraint)
        names.add(" and ".join(pair))
        kind = type(constraint)
        kinds = [kind_of_layer(record.layer)] if is_custom(record.layer) else []
        numbers = arguments_of(constraint)
        values = {name: numbers[name] for name in pair}
        diffs.append(with_swapped([*kinds, kind], kind, values, len(alike)))
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    diff = "\n".join(filter(None, dict.fromkeys(diffs)))
    code = code.strip() if diff else f"{given(problem, sets)}{code}"
    said = f"{', '.join(sorted(names))} the other way round, where the constraint is made"
    return Changed(f"{said}{started}", code=code, diff=diff)


def _swapped(record):
    """Gives a weight the constraint with two numbers swapped; their names, None if none helps."""
    constraint = record.constraint
    if is_of_library(type(constraint).__module__):
        return None
    numbers = {
        name: value for name, value in arguments_of(constraint).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }  # fmt: skip
    for first, second in itertools.combinations(numbers, 2):
        if numbers[first] <= numbers[second]:
            continue
        ends = numbers[second], numbers[first]
        # What lies between two numbers by chance does not when they are other ones.
        for lower, upper in ((ends[0] - 1, ends[1] + 1), ends):
            other = another(another(constraint, first, lower), second, upper)
            record.variable.constraint = other
            if not _is_bounded_by(record, lower, upper):
                break
        else:
            return first, second
    record.variable.constraint = constraint
    return None


def _is_bounded_by(record, lower, upper):
    """Whether what its constraint gives for a weight far outside lies at two numbers."""
    far = _FAR * max(abs(lower), abs(upper), 1.0)
    image = called(record, far * np.random.default_rng(0).choice([-1.0, 1.0], size=record.shape))
    return image is not None and np.allclose([image.min(), image.max()], [lower, upper])


def _is_alike(one, other):
    return type(one) is type(other) and arguments_of(one) == arguments_of(other)
