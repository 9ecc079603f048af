"""Which set a constraint of the user's own seems to mean, from what it gives."""

import contextlib
import math

import numpy as np
from keras import ops

from constrainit._own_class import has_own
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._candidates import NEAR, candidates, shortest
from constrainit.doctor.treatments._kept_norms import kept_norm
from constrainit.doctor.treatments._shares import bounded_shares, capped_shares, quotient_shares
from constrainit.doctor.treatments._wider_sets import is_wider
from constrainit.model import WeightRecord
from constrainit.sets import Custom, SpectralNorm, as_set
from constrainit.sets.elementwise import bounds_of

_DRAWS = ((0.1, False), (1.0, True), (10.0, False), (100.0, True), (100.0, False))
"""How large draws are, and whether without signs: some fail where no entry is positive."""

_ENTRIES = 16
"""Of a weight of fewer entries several are drawn of each size."""

_OFF = 0.03
"""By how much of its largest entry a weight may miss a set, or be moved: epsilons, few turns."""

_WILD = 0.25
"""Of calls that are further apart, relative to the weight, nothing can be told."""

_CALLS = 60
_SETTLED = 1e-6
_STRAIGHT = 0.01
_SLOWEST = 0.999
"""The share that each move is of the last one; what is closer to one may go on without end."""


def meant_set(record, repeat=0.0):
    """The set that a constraint means, as far as it can be told; None if nothing fits.

    It holds all that the constraint was seen to give, and the constraint leaves its members alone.
    Of one that moves its own images no member is left alone: there the images must come as far as
    the set does.

    `repeat` is how far apart two calls are: so much may miss. A constraint whose set is known
    means that set, but for a set class of the user's own that moves its own images.
    """
    known = as_set(record.constraint) if callable(record.constraint) else None
    if known is not None and not isinstance(known, Custom) and not _is_misprojected(known, record):
        return known
    if repeat > _WILD:
        return None
    shares = _shares(record)
    if shares is not None:
        return shares
    seen = list(_images(record))
    if len(seen) < 2:
        return None
    values, images, ends = zip(*seen, strict=True)
    off = max(_OFF, 2 * repeat)

    def is_left_alone(a_set):
        return _leaves_alone(record, a_set, values, off)

    found = _first(record, ends, images, repeat, off, is_left_alone)
    if found is not None or all(_is_near(called(record, i), i, off) for i in images):
        return found
    size = float(np.max(np.abs(to_numpy(record.variable)), initial=0.0)) or 1.0
    scaled = _is_scaled(record)
    larger = [image for v in values if (image := called(record, 10 * v)) is not None]

    def is_reached(a_set):
        if not _is_reached(a_set, images, size) or (scaled and _is_open(a_set)):
            return False
        return not is_wider(a_set, values, images, larger)

    reached = _first(record, images, images, repeat, off, is_reached)
    return reached or kept_norm(record, to_numpy(record.variable))


def _is_misprojected(a_set, record):
    """Whether a set of the user's own is none: it moves what its projection has given."""
    if not has_own(a_set):
        return False
    image = called(record, to_numpy(record.variable))
    return image is not None and not _is_near(called(record, image), image, _OFF)


def stretched_to(record: WeightRecord) -> tuple[float, float] | None:
    """The bounds that the least and the largest entry are taken to, whatever the weight is.

    None if a constraint does no such thing. Asked of weights of several entries that differ: of one
    without it gives 0/0.
    """
    shape = record.shape if math.prod(record.shape) > 1 else (*record.shape[:-1], _ENTRIES)
    draws, images = np.random.default_rng(2), []
    for size in (0.1, 1.0, 10.0):
        images.append(called(record, size * draws.normal(size=shape) + size * draws.normal()))
    if any(image is None or image.shape != shape for image in images):
        return None
    ends = np.array([[image.min(), image.max()] for image in images])
    low, high = (float(end) for end in ends.mean(axis=0))
    if not high - low > 0 or np.abs(ends - [low, high]).max() > NEAR * (high - low):
        return None
    return shortest(low), shortest(high)


def _first(record, images, others, repeat, off, agrees):
    """The first candidate that holds the images, and that agrees with the constraint."""
    # A candidate may have no members of this shape.
    with contextlib.suppress(ValueError):
        for a_set in candidates(record, images, others, repeat):
            with contextlib.suppress(ValueError):
                resolved = record.resolved(a_set)
                if all(_holds(resolved, image, off) for image in images) and agrees(resolved):
                    return a_set
    return None


def _shares(record):
    """The shares that a constraint means: in bounds that it keeps, or by a quotient.

    Of what is below zero a quotient by sums makes anything, so that for a weight that starts with
    nothing below zero its images do not tell.
    """
    if not callable(record.constraint):
        return None
    bounded = bounded_shares(record) or capped_shares(record)
    if bounded is not None or to_numpy(record.variable).min(initial=0.0) < 0:
        return bounded
    return quotient_shares(record)


def _images(record):
    """What the constraint gives for draws of several sizes: at once, and when it leaves it alone.

    A draw that it makes ever larger is tried in a tenth of its size.
    """
    draws = np.random.default_rng(0)
    start = to_numpy(record.variable)
    size = float(np.max(np.abs(start), initial=0.0)) or 1.0
    for scale, unsigned in _DRAWS * max(1, _ENTRIES // max(start.size, 1)):
        value = size * scale * draws.normal(size=start.shape)
        value = np.abs(value) if unsigned else value
        for smaller in (1.0, 0.1, 0.01):
            image = called(record, smaller * value)
            settled = None if image is None else _settled(record, image)
            if settled is not None:
                yield smaller * value, image, settled
                break


def _settled(record, image):
    """Where a constraint that goes part of the way ends; its first image if it goes on and on.

    None if it overflows in the end.
    """
    value, last = image, None
    for _ in range(_CALLS):
        after = called(record, value)
        if after is None:
            return None
        move = after - value
        if np.abs(move).max() <= _SETTLED * np.abs(after).max():
            return after if after.any() else image
        ahead = None if last is None else _ahead(move, last)
        value, last = (after, move) if ahead is None else (after + ahead, None)
    return image


def _ahead(move, last):
    """What is left of the way, of which each move is the same share of the one before.

    None of other moves. Two rules one after the other that undo each other come together so: by as
    little at a time as one entry of many is.
    """
    share = float(np.vdot(move, last)) / float(np.vdot(last, last))
    if (
        not 0 < share < _SLOWEST
        or np.abs(move - share * last).max() > _STRAIGHT * np.abs(move).max()
    ):
        return None
    return share / (1 - share) * move


def _holds(a_set, image, off):
    outside = float(a_set.violation(ops.cast(image, "float32")))
    return outside <= off * _size(image)


def _leaves_alone(record, a_set, values, off):
    """Whether members of a set, one for each draw, are what the constraint makes of them."""
    # What divides by a spectral norm is meant to bound it: of its ball it leaves the sphere alone.
    far = 1e3 if isinstance(a_set, SpectralNorm) else 1.0
    members = [to_numpy(a_set.project(ops.cast(far * v, record.dtype))) for v in values]
    pairs = [(called(record, member), member) for member in members]
    known = [pair for pair in pairs if pair[0] is not None]
    return len(known) > 1 and all(_is_near(image, member, off) for image, member in known)


def _is_near(image, value, off):
    return image is not None and np.abs(image - value).max(initial=0.0) <= off * _size(value)


def _is_reached(a_set, images, size):
    """Whether images of more than one draw come as far as the bounds of each entry."""
    for end in bounds_of(a_set) or ():
        if end is not None:
            least = [np.abs(image - end).min() for image in images]
            if sum(apart <= NEAR * max(abs(end), size) for apart in least) < 2:
                return False
    return True


def _is_open(a_set):
    return None in (bounds_of(a_set) or ())


def _is_scaled(record):
    """Whether the size of a weight is of no matter: then it is divided by something of its own."""
    draw = np.abs(np.random.default_rng(1).normal(size=record.shape))
    one, other = called(record, draw), called(record, 3 * draw)
    return one is not None and other is not None and np.allclose(one, other, rtol=1e-2)


def _size(value):
    return float(np.max(np.abs(value), initial=0.0)) or 1.0
