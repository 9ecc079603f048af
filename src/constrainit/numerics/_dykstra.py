"""Projection onto an intersection of convex sets."""

import math

from keras import ops

from ._limits import at_least

SWEEPS = 1000
RUNS = 6


def dykstra(w, projections, stop, axis=()):
    """Nearest point to `w` that all `projections` leave in place, by Dykstra's algorithm.

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
    far = ops.convert_to_tensor(math.inf, dtype=w.dtype)

    def moving(x, change, *corrections):
        return change > stop

    def sweep(x, _, *corrections):
        updated = []
        for project, correction in zip(projections, corrections, strict=True):
            shifted = x + correction
            x = project(shifted)
            updated.append(shifted - x)
        changes = [_peak(new - old, axis) for new, old in zip(updated, corrections, strict=True)]
        size = ops.max(ops.stack([_peak(part, axis) for part in (x, *updated)]), axis=0)
        change = ops.max(ops.stack(changes) / at_least(size, 1e-30))
        return (x, change, *updated)

    # Again from where it ended: next to an entry of 1e20 the corrections carry its rounding; each
    # run starts from numbers nearer to the size of the set, and a settled one is short.
    def run(_, x):
        state = (x, far, *zeros)
        return ops.while_loop(moving, sweep, state, maximum_iterations=SWEEPS)[0]

    return ops.fori_loop(0, RUNS, run, w)


def _peak(x, axis):
    return ops.max(ops.abs(x), axis=axis, keepdims=True) if axis else ops.abs(x)
