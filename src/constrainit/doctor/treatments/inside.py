"""Remedies for a set whose bound is where a layer is not defined: bounds a little inside of it."""

import numpy as np
from keras import ops

from constrainit._obey import project
from constrainit.doctor._set_code import written
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._closer import closer
from constrainit.doctor.treatments._meaning import meant_set
from constrainit.doctor.treatments._pastes import given_and_projected, told
from constrainit.doctor.treatments._remedy import Changed
from constrainit.model import walk
from constrainit.sets import (
    Box,
    GroupL1Ball,
    L1Ball,
    MaxNorm,
    NormRange,
    Positive,
    Simplex,
    SpectralNorm,
)

_MARGIN = 1e-2

_OF_BALLS = {
    MaxNorm: "radius", NormRange: "upper", L1Ball: "radius", GroupL1Ball: "radius",
    SpectralNorm: "bound",
}  # fmt: skip
"""The arguments that bound the norms of sets."""


def inside_the_bounds(problem, evidence, found):
    """Bounds a little inside of those where the layer is not defined, and a start inside."""
    sets, corners = {}, {corner.record.path: corner for corner in evidence.corners}
    for finding in found:
        corner = corners.get(finding.weight)
        a_set = None if corner is None else _interior(corner.record, corner.free)
        if corner is not None and a_set is not None:
            corner.record.variable.constraint = corner.record.resolved(a_set)
            sets[corner.record.path] = written(a_set)
    return _within(problem, sets, "a distance from the bound")


def off_the_bound(problem, evidence, found):
    """Bounds a little inside of those that weights were stuck at."""
    sets, paths = {}, {made.record.path for made in evidence.stuck}
    for record in walk(problem.model):
        a_set = _interior(record) if record.path in paths else None
        if a_set is not None:
            record.variable.constraint = record.resolved(a_set)
            sets[record.path] = written(a_set)
    return _within(problem, sets, "a distance from the bound")


def adding_up_to_one(problem, evidence, found):
    """Shares in place of a vector of weights that are at least zero, of any size."""
    made = evidence.endless
    if made is None or len(made.record.shape) != 1 or (to_numpy(made.record.variable) < 0).any():
        return None
    a_set = Simplex()
    made.record.variable.constraint = made.record.resolved(a_set)
    return _within(problem, {made.record.path: written(a_set)}, "weights that add up to one")


def _within(problem, sets, said):
    """The weights moved into the sets that they have been given; None if there are none."""
    if not sets:
        return None
    project(problem.model)
    code = given_and_projected(problem, sets)
    return Changed(f"{said}, {told(problem, sets)}", code=code)


def inside_where_met(problem, evidence, found):
    """As `inside_the_bounds`; not where training fails at another place, which it may be kept from.

    A lower rate keeps a training from wherever it would have come to.
    """
    fails = evidence.fault_step is not None or evidence.faults
    if fails and not any(finding.evidence.get("reached") for finding in found):
        return None
    return inside_the_bounds(problem, evidence, found)


def _own_side(record):
    """The numbers on the side of zero that all entries are on, but for a tenth of the least."""
    value = to_numpy(record.variable)
    least = float(f"{0.1 * np.abs(value).min():.2g}")
    if not least or (value > 0).any() == (value < 0).any():
        return None
    return Positive(least) if (value > 0).all() else Box(None, -least)


def _interior(record, free=False):
    """The bounds of a constraint on entries, drawn in by a hundredth; None if it has none."""
    if free:
        return _own_side(record)
    ball = meant_set(record, 0.0)
    name = _OF_BALLS.get(type(ball))
    # Of a vector it is each entry that is meant.
    if isinstance(ball, NormRange) and ball.lower > 0 and len(record.shape) == 1:
        return Box(ball.lower, ball.upper)
    if ball is not None and name is not None:
        arguments = ball._arguments()
        return type(ball)(**{**arguments, name: closer(arguments[name])})
    far = 1e3 * max(float(np.max(np.abs(to_numpy(record.variable)))), 1.0)
    low, high = (bound(record, end) for end in (-far, far))
    if low is None and high is None:
        return None
    if low is not None and high is not None:
        margin = _MARGIN * (high - low)
        return Box(low + margin, high - margin)
    if low is not None:
        return Positive(_MARGIN) if low == 0 else Box(low + _MARGIN * max(abs(low), 1.0), None)
    assert high is not None
    return Box(None, high - _MARGIN * max(abs(high), 1.0))


def bound(record, far):
    """What the constraint makes of a far entry, if that is a bound and the same for all."""
    image = _image(record, np.full(record.shape, far))
    if image is None or not np.isfinite(image).all():
        return None
    same = np.ptp(image) <= 1e-6 * abs(far)
    return float(np.median(image)) if same and abs(image).max() < 0.1 * abs(far) else None


def _image(record, value):
    try:
        return to_numpy(record.constraint(ops.cast(value, record.dtype)))
    # A constraint of the user's own may raise anything; then nothing is known of its bounds.
    except Exception:
        return None
