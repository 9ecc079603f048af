"""Which intersections have an exact projection, and what it is."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from constrainit._compile import looping
from constrainit.numerics import at_least, project_between
from constrainit.sets.elementwise import common_bounds, limits_of
from constrainit.sets.few import Few, is_cone_and_norm
from constrainit.sets.inequalities import Sum, as_sum
from constrainit.sets.l1 import L1Ball
from constrainit.sets.order import Monotone, Unimodal, order_and_bend

Projection = Callable[[Any, str], Any]


def exact_projection(sets: list[Any], few: Few | None) -> Projection | None:
    """The projection onto what sets have in common, of a tensor and a dtype; None if none is known.

    Args:
        sets: The sets of an intersection.
        few: The sets as a `Few`, where they are one.
    """
    if few:
        return few.nearest
    bounds = [one for one in sets if limits_of(one)]
    others = [one for one in sets if not limits_of(one)]
    if not others:
        return functools.partial(_in_turn, bounds)
    if is_cone_and_norm(sets):
        return functools.partial(_cone_and_norm, *others)
    if not bounds and (pair := order_and_bend(sets)):
        return functools.partial(_bent_order, *pair)
    if len(others) > 1 or not bounds:
        return None
    [one] = others
    if _is_order(one) and not any(np.ndim(end) for end in common_bounds(bounds)):
        # What is nearest in order, taken to limits, is nearest of all in order within them.
        return functools.partial(_in_turn, [one, *bounds])
    if isinstance(one, L1Ball) and _is_even(*common_bounds(bounds)):
        return functools.partial(_magnitudes_between, one, tuple(bounds))
    return functools.partial(_sum_between, one, tuple(bounds)) if _adds_up(one, bounds) else None


def _is_order(one):
    return (isinstance(one, Monotone) and not one.gap) or (isinstance(one, Unimodal) and one.convex)


def _is_even(lower, upper):
    return lower is not None and upper is not None and not np.any(np.add(lower, upper))


def _adds_up(one, bounds):
    """Whether a set speaks of one sum only, of weights between such bounds."""
    lower, _ = common_bounds(bounds)
    positive = lower is not None and np.all(np.greater_equal(lower, 0.0))
    return as_sum(one, 1) is not None or (isinstance(one, L1Ball) and positive)


def _in_turn(sets, w, dtype):
    for one in sets:
        w = one._nearest(w, dtype)
    return w


def _bent_order(order, bend, w, dtype):
    """Onto sequences that go one way and bend one way: a half of the bent one of twice as many.

    What is nearest to a sequence beside its mirror image is one, too, and flat in the middle, from
    where on the bend is all that the order asks for.
    """
    axis = bend.axis % len(w.shape)
    length = w.shape[axis]
    line = order._sign * order.gap * np.arange(length)
    line = line.reshape([length if a == axis else 1 for a in range(len(w.shape))])
    line = ops.convert_to_tensor(line, dtype=w.dtype)
    flat_first = order._sign == bend._sign
    parts = [w - line, ops.flip(w - line, axis)]
    twice = ops.concatenate(parts[::-1] if flat_first else parts, axis)
    mirrored, image = ops.split(bend._nearest(twice, dtype), 2, axis)
    return (image if flat_first else mirrored) + line


def _sum_between(one, bounds, w, dtype):
    return looping(_onto_sum, one, bounds, dtype, tuple(w.shape))(w)


def _magnitudes_between(one, bounds, w, dtype):
    image = _sum_between(one, bounds, ops.abs(w), dtype)
    return ops.where(w < 0, -image, image)


def _onto_sum(one, bounds, dtype, shape, w):
    rank = len(shape)
    units = tuple(sorted(one._units(rank)))
    found = as_sum(one, math.prod(shape[a] for a in units))
    weights, total, or_less, lower = found or Sum(None, one.radius, or_less=True, lower=0.0)
    if weights is not None:
        weights = weights.reshape([shape[a] if a in units else 1 for a in range(rank)])
    ends = [each._stored_bounds(dtype) for each in bounds]
    low = functools.reduce(np.maximum, [low for low, _ in ends if low is not None], lower)
    high = functools.reduce(np.minimum, [high for _, high in ends if high is not None], math.inf)
    return project_between(w, low, high, total, units, weights, or_less)


def _cone_and_norm(norms, w, dtype):
    """Onto the non-negative weights of some norms: of what is not negative, by its norm.

    Where nothing is left and zero is no member, onto the axis of the largest entry.
    """
    part, units = at_least(w, 0.0), norms._units(len(w.shape))
    if norms._range()[0] > 0 and units:
        lost = ops.max(part, axis=units, keepdims=True) <= 0
        top = ops.max(w, axis=units, keepdims=True)
        place = ops.reshape(ops.arange(math.prod(w.shape)), w.shape)
        peak = ops.where(ops.equal(w, top), place, math.prod(w.shape))
        # Of several largest entries below zero only one: between their axes it is further.
        peak = ops.equal(place, ops.min(peak, axis=units, keepdims=True))
        part = ops.where(lost, ops.cast(peak, w.dtype) * 1e-20, part)
    return norms._nearest(part, dtype)
