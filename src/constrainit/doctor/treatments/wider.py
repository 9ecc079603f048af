"""A remedy for constraints that silence a signal: the same ones with a wider bound."""

import numpy as np
from keras import ops

from constrainit._obey import project
from constrainit.doctor._constraint_calls import another, arguments_of
from constrainit.doctor._signs import keeps_nonnegative
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._meaning import meant_set
from constrainit.doctor.treatments._pastes import given, given_and_projected, told
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments.axes import call_of
from constrainit.doctor.treatments.starts import start_inside
from constrainit.model import WeightRecord, walk
from constrainit.sets import Box, NonNegative, SpectralNorm
from constrainit.sets.elementwise import bounds_of

_FAR = 1e4

_TWICE = 2.0
"""What an argument that bounds a weight makes larger when it is many times larger itself."""


def wider_bounds(factor):
    """Each constraint like the one at fault, with another value of the argument that bounds it."""

    def apply(problem, evidence, found):
        # Of a bound that was seen to keep a model from training it is known how wide it has to be.
        times = max((finding.evidence.get("factor", 0) for finding in found), default=0) or factor
        paths = {finding.weight for finding in found}
        records = [record for record in walk(problem.model) if record.constraint is not None]
        own = next((record for record in records if record.path in paths), None)
        if own is None:
            return None
        name = bounding(own, times)
        if name is None:
            return _wider_sets(problem, records, own, times)
        constraint, sets = own.constraint, {}
        value = arguments_of(constraint)[name]
        other = another(constraint, name, wider(value, times))
        for record in records:
            alike = type(record.constraint) is type(constraint)
            if alike and arguments_of(record.constraint) == arguments_of(constraint):
                record.variable.constraint = other
                sets[record.path] = call_of(other)
        project(problem.model)
        code = given_and_projected(problem, sets)
        return Changed(f"{name}={wider(value, times)} in place of {value}", code=code)

    return apply


def one_by_its_sign(place):
    """One of the weights that are bounded and not negative, the first or the last, without a bound.

    As of two factors of a product with rows that add up to one: one of them has to carry the scale.
    """

    def apply(problem, evidence, found):
        if not any(made.reaches and made.held for made in evidence.losses_of):
            return None
        held = [one.record for one in evidence.constraints if keeps_nonnegative(one)]
        held = [record for record in held if _is_held(record)]
        if len(held) < 2:
            return None
        record = held[place]
        record.variable.constraint = NonNegative()
        return Changed(
            f"{record.path} bounded by zero alone, so that it carries the scale",
            with_other(problem),
            given(problem, {record.path: "ci.NonNegative()"}),
        )

    return apply


def of_singular_values(problem, evidence, found):
    """The bound of the norm of all entries of matrices, on their largest singular value."""
    paths, sets = {finding.weight for finding in found}, {}
    for one in [one for one in evidence.whole_norms if one.record.path in paths]:
        one.record.variable.constraint = SpectralNorm(one.norm)
        sets[one.record.path] = f"ci.SpectralNorm({one.norm:g})"
    if not sets:
        return None
    started, code = start_inside(problem, evidence, set(sets))
    return Changed(
        f"the largest singular value is bounded, {told(problem, sets)}{started}",
        code=f"{given(problem, sets)}{code}",
    )


def _wider_sets(problem, records, own, times):
    """Where no argument bounds it: the bounds that it means, so many times as wide, for all alike.

    A function may hold its bound as a number of the module.
    """
    a_set = meant_set(own)
    low, high = (None if a_set is None else bounds_of(a_set)) or (None, None)
    if low is None or high is None or not -low == high > 0:
        return None
    bound = wider(float(high), times)
    sets = {}
    for record in [one for one in records if one.constraint is own.constraint]:
        record.variable.constraint = Box(-bound, bound)
        sets[record.path] = f"ci.Box({-bound:g}, {bound:g})"
    project(problem.model)
    return Changed(
        f"bounds of {bound:g} in place of {float(high):g} for {len(sets)} weights",
        code=given_and_projected(problem, sets),
    )


def bounding(record: WeightRecord, factor: float) -> str | None:
    """The one number among a constraint's arguments by which weights may be larger."""
    arguments = arguments_of(record.constraint)
    numbers = {n: v for n, v in arguments.items() if type(v) in (int, float) and v > 0}
    wide = [name for name, value in numbers.items() if _widens(record, name, value, factor)]
    return wide[0] if len(wide) == 1 else None


def _widens(record, name, value, factor):
    """Whether a constraint lets weights be larger with another argument."""
    other = another(record.constraint, name, wider(value, factor))
    before, after = _far(record, record.constraint), _far(record, other)
    return before is not None and after is not None and after > _TWICE * before > 0


def _is_held(record):
    """Whether a constraint takes nearly all of a weight back that is far too large."""
    image, size = _far(record, record.constraint), float(np.linalg.norm(to_numpy(record.variable)))
    return image is not None and image < 0.01 * _FAR * size


def _far(record, constraint):
    """How large a constraint leaves weights that are far too large; None if it can not say."""
    value = to_numpy(record.variable)
    value = value if value.any() else np.ones_like(value)
    try:
        image = to_numpy(constraint(ops.cast(_FAR * value, record.dtype)))
    # A constraint of the user's own may raise anything.
    except Exception:
        return None
    return float(np.linalg.norm(image))


def wider(value: float, factor: float) -> float:
    """A number so many times as large, rounded to one digit."""
    return float(f"{factor * value:.0e}")
