"""Projection onto an intersection of convex sets."""

import math

from keras import ops

from ._limits import at_least

SWEEPS = 1000
SOON = 100
RUNS = 6


def dykstra(w, projections, stop, axis=()):
    """Nearest point to `w` that all `projections` leave in place, by Dykstra's algorithm.

    Where there is no such point the result is the one of the last set that is nearest to the
    others.

    Args:
        w: Float tensor without NaN or infinity.
        projections: Euclidean projections onto closed convex sets. The result is an output of the
            last one, so it is exactly in that set and nearly in the others.
        stop: The sweeps end when no correction changes by more than this, relative to the largest
            number of its unit (the iterate itself may stand still for many sweeps before it moves
            on, so it is no sign of convergence); after 1000 sweeps they end in any case.
        axis: Tuple of the axes of a unit. Units that share no projection are solved side by side.

    Source: J. Boyle, R. Dykstra, "A method for finding projections onto the intersection of
    convex sets in Hilbert spaces", 1986; E. Birgin, M. Raydan, "Robust stopping criteria for
    Dykstra's algorithm", 2005.
    """
    zeros = tuple(ops.zeros_like(w) for _ in projections)
    far = ops.full_like(_peak(w, axis), math.inf)

    def sweep(x, _, *corrections):
        updated = []
        for project, correction in zip(projections, corrections, strict=True):
            shifted = x + correction
            x = project(shifted)
            updated.append(shifted - x)
        changes = [_peak(new - old, axis) for new, old in zip(updated, corrections, strict=True)]
        size = ops.max(ops.stack([_peak(part, axis) for part in (x, *updated)]), axis=0)
        change = ops.max(ops.stack(changes), axis=0) / at_least(size, 1e-30)
        return (x, change, *updated)

    def sweeps(state, most, wanted):
        def moving(x, change, *corrections):
            return ops.any(ops.logical_and(change > stop, wanted))

        return ops.while_loop(moving, sweep, state, maximum_iterations=most)

    # Again from where it ended: next to an entry of 1e20 the corrections carry its rounding; each
    # run starts from numbers nearer to the size of the set, and a settled one is short. A run that
    # ends where it began would only be repeated.
    def run(x, wanted):
        state = sweeps((x, far, *zeros), SOON, wanted)
        wanted = ops.logical_and(wanted, ops.logical_not(_apart(state[0], projections, axis)))
        end = sweeps(state, SWEEPS - SOON, wanted)[0]
        moved = _peak(end - x, axis) > stop * _peak(end, axis)
        return end, ops.logical_and(wanted, moved)

    def unsettled(x, wanted):
        return ops.any(wanted)

    every = ops.ones_like(far, dtype="bool")
    return ops.while_loop(unsettled, run, (w, every), maximum_iterations=RUNS)[0]


def _apart(x, projections, axis):
    """Which units the sets have no point for: projected in turn they come back, by a detour.

    A common point would be nearer after each projection that moves, so that the round could not end
    where it began. Of a detour `d` and an end within `e` of `x`, no such point is nearer than
    about `d * d / e`.
    """
    end, detour = x, []
    for project in projections:
        end, before = project(end), end
        detour.append(_peak(end - before, axis))
    size = _peak(x, axis)
    returned = _peak(end - x, axis) <= 1e-6 * size
    return ops.logical_and(returned, ops.max(ops.stack(detour), axis=0) > 1e-2 * size)


def _peak(x, axis):
    return ops.max(ops.abs(x), axis=axis, keepdims=True) if axis else ops.abs(x)
