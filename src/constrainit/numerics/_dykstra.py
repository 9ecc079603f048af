"""Projection onto an intersection of convex sets."""

from keras import ops

SWEEPS = 1000


def dykstra(w, projections, stop):
    """Nearest point to `w` that all `projections` leave in place, by Dykstra's algorithm.

    Args:
        w: Float tensor without NaN or infinity.
        projections: Euclidean projections onto closed convex sets. The result is an output of the
            last one, so it is exactly in that set and nearly in the others.
        stop: The sweeps end when no correction changes by more than this, relative to the largest
            number in play (the iterate itself may stand still for many sweeps before it moves on,
            so it is no sign of convergence); after 1000 sweeps they end in any case.

    Source: J. Boyle, R. Dykstra, "A method for finding projections onto the intersection of
    convex sets in Hilbert spaces", 1986; E. Birgin, M. Raydan, "Robust stopping criteria for
    Dykstra's algorithm", 2005.
    """

    def sweep(x, change, *corrections):
        updated, changes = [], []
        for project, correction in zip(projections, corrections, strict=True):
            shifted = x + correction
            x = project(shifted)
            updated.append(shifted - x)
            changes.append(ops.max(ops.abs(updated[-1] - correction)))
        size = ops.max(ops.stack([ops.max(ops.abs(part)) for part in (x, *updated)]))
        return (x, ops.max(ops.stack(changes)) / ops.maximum(size, 1e-30), *updated)

    zeros = tuple(ops.zeros_like(w) for _ in projections)
    first = sweep(w, None, *zeros)
    return ops.while_loop(
        lambda x, change, *corrections: change > stop,
        sweep,
        first,
        maximum_iterations=SWEEPS,
    )[0]
