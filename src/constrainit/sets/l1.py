"""Sets of sums of magnitudes: at most a given number, or exactly."""

import math

from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers import laws
from constrainit.numerics import polar, project_l1_ball, project_simplex
from constrainit.transforms import Diamond, DiamondOfNorms, Normalized


class L1Ball(ConstraintSet):
    """The magnitudes of every unit's weights sum to at most the radius.

    The set is `{w : sum(|w|) <= radius}` for each unit. The projection takes one threshold per unit
    off the magnitudes, which leaves few weights other than zero; exact, in a few passes and without
    a sort.

    The initializer draws directions with the norm of a Glorot draw. Where the ball has no room for
    so many weights of that norm, each unit gets `(radius / norm)^2` weights other than zero, in
    other places for each unit; below one such weight the norm is the radius.

    Args:
        radius: The largest allowed sum of magnitudes.
        axis: As for `MaxNorm`.

    Raises:
        ValueError: `radius` is not positive and finite, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.L1Ball(1.0).project([0.75, -1.25, 0.1])))
    [ 0.25 -0.75  0.  ]

    Source: J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra, "Efficient projections onto the
    l1-ball for learning in high dimensions", 2008; L. Condat, "Fast projection onto the simplex
    and the l1 ball", 2016.
    """

    def __init__(self, radius: float, axis: int | list[int] | None = None):
        self.radius = _checks.positive("L1Ball", "radius", radius)
        self.axis = _checks.axes("L1Ball", axis)

    def _nearest(self, w, dtype, where=None):
        return project_l1_ball(w, self.radius, self._units(len(w.shape)), where)

    def _transform(self):
        return Diamond(self)

    def _law(self, fan_in, fan_out, wanted):
        room = min(self.radius / wanted.gain, fan_in**0.5)
        count = max(math.floor(room**2 * (1 + 1e-6)), 1)
        norm, most = min(wanted.gain, self.radius), self.radius
        return laws.direction(fan_in, fan_out, norm, wanted, count, most)

    def _phrase(self):
        return f"each unit's magnitudes of sum at most {self.radius:g}"


class L1Sphere(ConstraintSet):
    """The magnitudes of every unit's weights sum to the radius.

    The set is `{w : sum(|w|) = radius}` for each unit; not convex. Outside of the ball the
    projection is that of `L1Ball`, inside every used weight grows by the same; a weight of zero
    grows upwards, where both ways are equally near. Exact, in a few passes and without a sort.

    The initializer draws uniform directions in which about `(radius / norm)^2` weights of each unit
    are other than zero, so that the norm is that of a Glorot draw where the sphere has such
    members; at most all of them and at least one.

    Args:
        radius: The sum of magnitudes.
        axis: As for `MaxNorm`.

    Raises:
        ValueError: `radius` is not positive and finite, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.L1Sphere(1.0).project([0.5, -0.25, 0.0])).round(4))
    [ 0.5833 -0.3333  0.0833]

    Source: J. Duchi, S. Shalev-Shwartz, Y. Singer, T. Chandra, "Efficient projections onto the
    l1-ball for learning in high dimensions", 2008. The signs of the nearest member are those of the
    weights, so that it is the projection of the magnitudes onto the simplex.
    """

    convex = False
    maps = "smooth but where a weight changes its sign"

    def __init__(self, radius: float, axis: int | list[int] | None = None):
        self.radius = _checks.positive("L1Sphere", "radius", radius)
        self.axis = _checks.axes("L1Sphere", axis)

    def _nearest(self, w, dtype, where=None):
        image = project_simplex(ops.abs(w), self.radius, self._units(len(w.shape)), where)
        return ops.where(w < 0, -image, image)

    def _transform(self):
        return Normalized(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws.of_l1_norm(fan_in, self.radius, wanted)

    def _phrase(self):
        return f"each unit's magnitudes of sum {self.radius:g}"


class GroupL1Ball(ConstraintSet):
    """The norms of the groups of weights sum to at most the radius: few groups are other than zero.

    The set is `{w : sum_g ||w_g||_2 <= radius}` over all groups of the weight, the ball of the
    group lasso. The projection takes one number off all norms, down to zero at most, and leaves
    the directions; exact, in a few passes and without a sort.

    The initializer draws uniform directions with the norm of a Glorot draw for each group; where
    the ball has no room for that, with the norm `radius / groups`. No group starts as zero: as a
    unit it would pass on nothing, and after a relu learn nothing.

    Args:
        radius: The largest allowed sum of the norms of all groups.
        axis: The axes along which the weights of one group lie. None: the axes that feed one unit,
            found from the layer, so that whole units are switched off; for a bare array all axes
            but the last. Of a kernel `(inputs, units)` it is -1 that switches off whole inputs.

    Raises:
        ValueError: `radius` is not positive and finite, or `axis` is no list of integers.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.GroupL1Ball(3.0, axis=-1).project([[3.0, 4.0], [0.0, -1.0]])).round(4))
    [[1.8 2.4]
     [0.  0. ]]

    Source: M. Yuan, Y. Lin, "Model selection and estimation in regression with grouped variables",
    2006; E. van den Berg, M. Schmidt, M. Friedlander, K. Murphy, "Group sparsity via linear-time
    projection", 2008 (that the norms are projected onto the ball of sums).
    """

    def __init__(self, radius: float, axis: int | list[int] | None = None):
        self.radius = _checks.positive("GroupL1Ball", "radius", radius)
        self.axis = _checks.axes("GroupL1Ball", axis)

    def _groups(self, rank):
        """The axes of one group."""
        return super()._units(rank)

    def _units(self, rank):
        return tuple(range(rank))

    def _fed(self, rank):
        return self._groups(rank) if self.axis is not None else None

    def _nearest(self, w, dtype, where=None):
        rank = len(w.shape)
        direction, norms = polar(w, self._groups(rank))
        norms = project_l1_ball(norms, self.radius, self._units(rank))
        # Plain zeros, not those of the sign of a weight.
        return ops.where(norms > 0, direction * norms, ops.zeros_like(w))

    def _transform(self):
        return DiamondOfNorms(self)

    def _law(self, fan_in, fan_out, wanted):
        most = self.radius / fan_out
        return laws.direction(fan_in, fan_out, min(wanted.gain, most), wanted, most=most)

    def _phrase(self):
        return f"norms of groups that add up to at most {self.radius:g}"
