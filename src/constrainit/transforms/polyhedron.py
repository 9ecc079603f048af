"""The smooth map onto a polyhedron."""

import functools
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from keras import ops

from constrainit._precision import wide_dtype
from constrainit.numerics import at_least, at_most, inner_point, way_out
from constrainit.transforms._transform import Transform


class _Frame(NamedTuple):
    """Arrays for weights as a matrix `(inputs, units)`.

    Attributes:
        axes: Orthonormal columns that span what is bounded.
        free: Orthonormal columns that span the rest.
        centre: A column within them, inside of the ends.
        ends: Rows whose largest product with a way along the axes from the centre is its gauge.
        sides: Rows whose products with a weight, less `bounds`, are how far it has to go.
        bounds: A column.
        way: The column along which to go.
    """

    axes: Any
    free: Any
    centre: Any
    ends: Any
    sides: Any
    bounds: Any
    way: Any


class Inward(Transform):
    """Two steps: towards the middle of what is bounded, then away from all other faces.

    The first is `c + (v - c) / (1 + g^4)^(1/4)` with `c` a point inside. The gauge `g` is how many
    times as far as the boundary `v` is from `c`; near `c` nothing moves. Directions in which
    nothing is bounded are left alone.

    The second goes along a direction that leads away from all other faces and changes nothing of
    the ends: by `t * softplus(d / t)`, with `d` how far it has to go to be inside, as that of a
    halfspace does along its normal. The temperature `t` is `deviation`, and `c` is two of it
    inside, or as far as there is room.
    """

    def _frame(self, shape, dtype):
        return _frame(self.set, self.deviation(tuple(shape)), wide_dtype(dtype))

    def _map(self, v, dtype):
        folding, t = self.set._folding(v.shape), self.deviation(v.shape)
        frame = self._frame(v.shape, dtype)
        limit = min(float(ml_dtypes.finfo(dtype).max), 1e30) / _reach(frame)
        w = folding.matrix(at_most(at_least(v, -limit), limit))
        axes, free, centre, ends, sides, bounds, way = (
            ops.convert_to_tensor(part, dtype=v.dtype) for part in frame
        )
        if ends.shape[0]:
            from_centre = ops.transpose(axes) @ w - centre
            gauge = at_least(_most(ends @ from_centre), 0.0)
            # Powers of numbers of at most one do not overflow.
            peak = at_least(gauge, 1.0)
            fourth = ops.square(ops.square(1.0 / peak)) + ops.square(ops.square(gauge / peak))
            within = centre + from_centre / (peak * ops.sqrt(ops.sqrt(fourth)))
            # Not what is free as a difference: it would have the rounding of what is bounded.
            rest = free @ (ops.transpose(free) @ w) if free.shape[1] else 0.0
            w = rest + axes @ within
        if sides.shape[0]:
            w = w + way * (ops.softplus(_most(sides @ w - bounds) * (1 / t)) * t)
            # What is left of a large free value near zero is its rounding, on any side.
            w = w + way * ops.stop_gradient(at_least(_most(sides @ w - bounds), 0.0))
        return folding.weight(w)

    def _inverse(self, w, dtype):
        folding, t, frame = self._parts(w, dtype)
        v, exact = folding.array(w), float(ml_dtypes.finfo(wide_dtype(dtype)).eps)
        if len(frame.sides):
            # Less slack than that is none: its free value would be far off, and stored badly.
            slack = np.maximum(-_far(frame, v) / t, float(ml_dtypes.finfo(dtype).eps) / 8)
            v = v + frame.way * (t * np.log(-np.expm1(-slack)))
        if len(frame.ends):
            most = 0.25 * min(float(ml_dtypes.finfo(dtype).max), 1e30) / (np.abs(v).max() or 1.0)
            from_centre, gauge = _gauge(frame, v)
            factor = np.maximum(1 - gauge**4, 8 * exact) ** -0.25
            v = v + frame.axes @ (from_centre * (np.minimum(factor, max(most, 1.0)) - 1))
        return folding.unfolded(v)

    def _inside(self, w, dtype):
        folding, t, frame = self._parts(w, dtype)
        w = folding.array(w)
        if len(frame.ends):
            from_centre, gauge = _gauge(frame, w)
            w = w + frame.axes @ (from_centre * (0.95 / np.maximum(gauge, 0.95) - 1))
        if len(frame.sides):
            w = w + frame.way * np.maximum(0.5 * t + _far(frame, w), 0.0)
        return folding.unfolded(w)

    def _parts(self, w, dtype):
        return self.set._folding(w.shape), self.deviation(w.shape), self._frame(w.shape, dtype)


@functools.lru_cache(maxsize=256)
def _frame(a_set, deviation, dtype):
    matrix, bounds = a_set._exact
    way = way_out(matrix)
    leaves = matrix @ way < -0.5
    ends, level = matrix[~leaves], bounds[~leaves]
    axes, free = _span(ends)
    way = free @ (free.T @ way)
    way = way / max(np.linalg.norm(way), 1e-300)
    pace = -(matrix @ way)
    ends = ends @ axes
    centre = inner_point(ends, level, 2 * deviation) if len(ends) else np.zeros(0)
    room = level - ends @ centre
    # What rounding could take a weight beyond an end, as a share of the way there.
    exact = float(ml_dtypes.finfo(dtype).eps)
    margin = min(4 * exact * (1 + np.linalg.norm(centre) / min(room, default=1.0)), 0.1)
    sides = matrix[leaves] / pace[leaves, None]
    bounds = bounds[leaves] / pace[leaves]
    ends = ends / (room[:, None] * (1 - margin))
    return _Frame(axes, free, centre[:, None], ends, sides, bounds[:, None], way[:, None])


def _span(rows):
    """Orthonormal columns that span rows of norm one, and those that span the rest."""
    _, sizes, right = np.linalg.svd(rows)
    count = int((sizes > 1e-6).sum())
    return right[:count].T, right[count:].T


def _reach(frame):
    """How many times as large as the largest free value the numbers of the map become."""
    ends, sides = (
        float(np.abs(one).sum(axis=1).max(initial=0.0)) for one in (frame.ends, frame.sides)
    )
    return 8 * max(ends * len(frame.axes), (1 + sides) * (1 + np.abs(frame.way).max(initial=0.0)))


def _gauge(frame, w):
    """The way from the centre along the axes, and how much of the way to the ends that is."""
    from_centre = frame.axes.T @ w - frame.centre
    return from_centre, np.maximum((frame.ends @ from_centre).max(axis=0, keepdims=True), 0.0)


def _far(frame, w):
    """How far a weight has to go to be inside; negative where it is."""
    return (frame.sides @ w - frame.bounds).max(axis=0, keepdims=True)


def _most(x):
    return ops.max(x, axis=0, keepdims=True)
