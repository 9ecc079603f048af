"""Sets of linear equations and inequalities between the weights of a unit."""

import functools
import math
from typing import Any

import ml_dtypes
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import in_float64, looping
from constrainit._folding import Folding
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_sums
from constrainit.numerics import inner_point, least_member, project_polyhedron
from constrainit.transforms import Inward, Linear

_RANK = 1e-6
"""What is a combination of other rows to this share, as float32 would tell, says nothing anew."""


class _Rows(ConstraintSet):
    """What speaks of `matrix @ w`, for the weights `w` of each unit."""

    maskable = False
    matrix: list[Any]

    @functools.cached_property
    def _matrix(self):
        return np.atleast_2d(np.asarray(self.matrix, "float64"))

    def check_shape(self, shape):
        super().check_shape(shape)
        entries, columns = self._count(shape), self._matrix.shape[1]
        if columns != entries:
            raise ValueError(
                f"`matrix` of `{type(self).__name__}` must have one column for each of the "
                f"{entries} weights of a unit. Received: {columns} columns for a weight of shape "
                f"{tuple(shape)} with axis={self._arguments()['axis']}."
            )

    def _count(self, shape):
        return math.prod(shape[a] for a in self._units(len(shape)))

    def _folding(self, shape):
        """The weight as a matrix with one column for each unit."""
        rank = len(shape)
        return Folding(shape, sorted(a % rank for a in self._units(rank)))


class Affine(_Rows):
    """Every unit's weights satisfy given linear equations.

    The set is `{w : matrix @ w = values}` for each unit: an affine subspace, a hyperplane if there
    is one equation. The projection moves a unit at right angles to the subspace; exact, two
    products with a factor of the matrix, which is made once, in float64. Equations that say the
    same twice are allowed.

    The initializer draws weights of the Glorot norm in uniform directions along the subspace,
    around its point nearest to zero.

    Args:
        matrix: One row for each equation, with one number for each weight of a unit, in the order
            of the weight's axes; for a single equation the row itself.
        values: What the products are to be: a number, or one for each equation.
        axis: As for `Simplex`.

    Raises:
        ValueError: A number is not finite, the equations contradict one another, leave a unit no
            freedom or none of them says anything; at use, a unit has another number of weights
            than a row.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> a_set = ci.Affine([[1.0, 1.0, 1.0], [0.0, 1.0, -1.0]], [3.0, 0.0])
    >>> print(np.asarray(a_set.project([3.0, 1.0, 5.0])).round(4))
    [1. 1. 1.]

    Source: G. H. Golub, C. F. Van Loan, "Matrix Computations", 2013, section 5.5.
    """

    def __init__(self, matrix: Any, values: Any = 0.0, axis: int | list[int] | None = None):
        self.matrix = _checks.rows("Affine", "matrix", matrix)
        self.values = _checks.for_each_row("Affine", "values", values, len(self._matrix))
        self.axis = _checks.axes("Affine", axis)
        rows, _, gap = self._factor
        if not len(rows):
            raise _checks.fail("Affine", "matrix", "have an entry other than zero", matrix)
        if gap > _RANK:
            raise ValueError(
                "`values` of `Affine` must be such that a weight satisfies all equations. "
                f"Received: values={self.values} with equations that contradict one another, at "
                f"the nearest weight by {gap:.2g} of their size."
            )
        if len(rows) == self._matrix.shape[1]:
            raise ValueError(
                "`matrix` of `Affine` must leave the weights of a unit some freedom. Received: "
                f"{len(rows)} independent equations for {len(rows)} weights. For weights of given "
                "values use Fixed(mask, values)."
            )

    @functools.cached_property
    def _factor(self):
        """Orthonormal rows that span those of the matrix, the point nearest to zero, and a gap."""
        matrix, size = _scaled(self._matrix)
        values = np.broadcast_to(np.asarray(self.values, "float64"), len(matrix)) / size
        left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
        kept = sizes > _RANK * max(sizes[0], 1e-300)
        left, sizes, rows = left[:, kept], sizes[kept], right[kept]
        level = (left.T @ values) / sizes
        gap = np.abs(matrix @ (level @ rows) - values).max()
        return rows, level @ rows, gap / max(np.abs(values).max(), 1e-300)

    def _nearest(self, w, dtype, where=None):
        folding = self._folding(w.shape)
        rows, foot, _ = (ops.convert_to_tensor(part, dtype=w.dtype) for part in self._factor)
        v, foot = folding.matrix(w), foot[:, None]
        level, image = rows @ foot, v
        # Again from nearer to the subspace: the first step carries a rounding of `w`.
        for _ in range(3):
            image = image - ops.transpose(rows) @ (rows @ image - level)
        # What is left of a weight beside the nearest point is its rounding.
        spent = _peak(image - foot) <= float(ml_dtypes.finfo(dtype).eps) ** 2 * _peak(v)
        return folding.weight(ops.where(spent, foot, image))

    def _transform(self):
        return Linear(self, linear=not np.any(self.values), reach=self._matrix.shape[1] ** 0.5)

    def _law(self, fan_in, fan_out, wanted):
        rows, foot, _ = self._factor
        return laws_of_sums.around(foot, rows, wanted, f"{len(rows)} vectors")

    def _phrase(self):
        count = len(self._factor[0])
        return f"each unit's weights satisfy {count} linear equation{'s' if count > 1 else ''}"


class Polyhedron(_Rows):
    """Every unit's weights satisfy given linear inequalities.

    The set is `{w : matrix @ w <= bounds}` for each unit: dominance of one weight over another,
    ranges of sums, an order, or all of these at once. The projection is a method of active sets
    for all units side by side; exact to the rounding of the largest weight. For `k` inequalities
    it takes about as many rounds as become active, each some products with a `k x k` matrix for
    each unit: it is meant for tens of inequalities. Those that say the same twice are allowed. On
    PyTorch a round takes about a millisecond, so that a smooth map is quicker there.

    The smooth map moves a unit along a direction that leads away from all faces that can be left
    behind for ever; within those that can not, the ends of a bounded range, it draws the unit
    towards the middle. There is none where the inequalities leave no interior, as pairs that make
    an equation do: for equations alone write `Affine`.

    The initializer draws weights of the Glorot norm around a point about one of their deviations
    inside of the boundary, or as far as there is room, and projects.

    Args:
        matrix: One row for each inequality, with one number for each weight of a unit, in the order
            of the weight's axes; for a single inequality the row itself.
        bounds: The largest allowed products: a number, or one for each inequality.
        axis: As for `Simplex`.

    Raises:
        ValueError: A number is not finite, all rows are zero, or no weight satisfies all
            inequalities; at use, a unit has another number of weights than a row.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> first_dominates = ci.Polyhedron([[-1.0, 1.0], [0.0, -1.0]], 0.0)  # w1 >= w2 >= 0
    >>> print(np.asarray(first_dominates.project([1.0, 3.0])).round(4))
    [2. 2.]

    Source: D. Goldfarb, A. Idnani, "A numerically stable dual method for solving strictly convex
    quadratic programs", 1983.
    """

    projects = "exact, far away to 1e-6"
    maps = "smooth but where the nearest face changes"

    def __init__(self, matrix: Any, bounds: Any = 0.0, axis: int | list[int] | None = None):
        self.matrix = _checks.rows("Polyhedron", "matrix", matrix)
        self.bounds = _checks.for_each_row("Polyhedron", "bounds", bounds, len(self._matrix))
        self.axis = _checks.axes("Polyhedron", axis)
        used = self._matrix.any(axis=1)
        if not used.any():
            raise _checks.fail("Polyhedron", "matrix", "have an entry other than zero", matrix)
        never = ~used & (np.broadcast_to(self.bounds, used.shape) < 0)
        if never.any() or least_member(*self._exact) is None:
            raise ValueError(
                "`bounds` of `Polyhedron` must be such that a weight satisfies all inequalities. "
                f"Received: bounds={self.bounds} with inequalities that contradict one another."
            )

    @property
    def no_map(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That there is no interior."""
        return "the inequalities leave no interior" if self._inner is None else ""

    @property
    def is_cone(self) -> bool:
        """Where all bounds are zero."""
        return not np.any(self.bounds)

    @functools.cached_property
    def _exact(self):
        """Rows of norm one, without those of zeros, and their bounds."""
        used = self._matrix.any(axis=1)
        matrix, peak = _scaled(self._matrix[used])
        bounds = np.broadcast_to(np.asarray(self.bounds, "float64"), used.shape)[used] / peak
        size = np.linalg.norm(matrix, axis=1)
        return matrix / size[:, None], bounds / size

    @functools.cached_property
    def _unit(self):
        """The size of the bounds."""
        return float(np.abs(self._exact[1]).max()) or 1.0

    @functools.cached_property
    def _inner(self):
        """A point that the projection may draw towards; None where there is no interior."""
        matrix, bounds = self._exact
        # The more depth is asked for, the less it counts how far away it is.
        for depth in (1.0, 1e3, 1e6):
            point = self.inner_point(depth * self._unit)
            room = (bounds - matrix @ point).min()
            if room > _RANK * max(self._unit, np.abs(point).max()):
                return point
        return None

    def inner_point(self, depth: float) -> np.ndarray:
        """A point of the set near zero, about `depth` from the boundary where there is room."""
        return inner_point(*self._exact, depth)

    def _nearest(self, w, dtype, where=None):
        return looping(_project, self, dtype, tuple(w.shape))(w)

    def _transform(self):
        return None if self._inner is None else Inward(self)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        rows, height = self._rows_of(shape, axes)
        wanted = wanted or self._as_glorot(shape, axes)
        centre = self.inner_point(2 * wanted.gain / height**0.5)
        folding = Folding(shape, rows)
        centre = folding.unfolded(np.broadcast_to(centre[:, None], folding.size))
        w = super()._draw(shape, dtype, seed, wanted, axes, where)
        return w + ops.convert_to_tensor(centre, dtype=w.dtype)

    def _phrase(self):
        count = len(self._matrix)
        return f"each unit's weights satisfy {count} linear inequalit{'ies' if count > 1 else 'y'}"


def _project(polyhedron, dtype, shape, w):
    folding = polyhedron._folding(shape)
    matrix, bounds = polyhedron._exact
    v = folding.matrix(w)
    # Faces at small angles, as of long sequences that bend, are told apart in few digits only.
    with in_float64(v) as wide:
        image = project_polyhedron(ops.transpose(wide), matrix, bounds, polyhedron._inner)
        image = ops.cast(ops.transpose(image), v.dtype)
    if (bounds >= 0).all():
        # What is left of a weight beside zero is its rounding.
        spent = _peak(image) <= float(ml_dtypes.finfo(dtype).eps) ** 2 * _peak(v)
        image = ops.where(spent, ops.zeros_like(image), image)
    return folding.weight(image)


def _scaled(matrix):
    """Rows divided by their largest entry, and that."""
    peak = np.abs(matrix).max(axis=1)
    peak = np.where(peak > 0, peak, 1.0)
    return matrix / peak[:, None], peak


def _peak(x):
    return ops.max(ops.abs(x), axis=0, keepdims=True)
