"""Sets of orders: weights that go up or down, turn once, or bend one way, along an axis."""

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import looping
from constrainit._folding import Folding
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_orders
from constrainit.numerics import convex_sequences, isotonic, peaked, unimodal
from constrainit.transforms import Bends, Flanks, Increments
from constrainit.transforms.orders import accumulated

_DIRECTIONS = {"increasing": 1.0, "decreasing": -1.0}
_TURNS = {"peak": 1.0, "valley": -1.0}
_MEANT = {
    **dict.fromkeys(("up", "ascending", "rising", "growing"), "increasing"),
    **dict.fromkeys(("down", "descending", "falling", "shrinking"), "decreasing"),
}
_TURNED = {
    **dict.fromkeys(("up-down", "hill", "maximum", "concave"), "peak"),
    **dict.fromkeys(("down-up", "trough", "minimum", "convex"), "valley"),
}


class _Order(ConstraintSet):
    """A rule for neighbours along an axis, which need not be one that feeds a unit."""

    axis: int
    maskable = False
    unit_axis = None  # pyright: ignore[reportAssignmentType]


class Monotone(_Order):
    """The weights go up, or down, along an axis.

    The set is `{w : w[k + 1] - w[k] >= gap}` along the axis (`w[k] - w[k + 1] >= gap` if
    decreasing): the knots of a calibration, thresholds, the rows of an `Embedding` of ordered
    levels. The projection is isotonic regression, exact; without a gap the order holds to the bit,
    with one it holds to the tolerance of the dtype.

    The initializer draws normal weights of mean zero and the Glorot norm in order (of a larger norm
    if the gaps need it). Units of a `Dense` layer under this set are nearly alike: order fixes
    most of a column.

    Args:
        direction: `"increasing"` or `"decreasing"`.
        gap: The least difference of neighbours, at least 0.
        axis: The axis along which the order holds. The default is the first: the inputs of a
            `Dense` kernel, the levels of an `Embedding`, the entries of a vector.

    Raises:
        ValueError: `direction` is neither, `gap` is negative or not finite, or `axis` is no
            integer.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Monotone().project([1.0, 3.0, 2.0, 2.0, 5.0])).round(4))
    [1.     2.3333 2.3333 2.3333 5.    ]

    Source: M. Best, N. Chakravarti, "Active set algorithms for isotonic regression; a unifying
    framework", 1990.
    """

    to_the_bit = True

    def __init__(self, direction: str = "increasing", gap: float = 0.0, axis: int = 0):
        words = list(_DIRECTIONS)
        self.direction = _checks.choice("Monotone", "direction", direction, words, meant=_MEANT)
        self.gap = _checks.number("Monotone", "gap", gap)
        if self.gap < 0:
            raise _checks.fail("Monotone", "gap", "be at least 0", gap)
        self.axis = _checks.integer("Monotone", "axis", axis)

    @property
    def _sign(self):
        return _DIRECTIONS[self.direction]

    def _nearest(self, w, dtype, where=None):
        return looping(_ordered, self, tuple(w.shape))(w)

    def _holds(self, w, image, dtype):
        # No tolerance for the order itself: only the gap is rounded.
        steps = self._sign * ops.diff(w, axis=self.axis)
        ordered = ops.all(steps >= 0, axis=self.axis, keepdims=True)
        return ops.logical_and(ordered, super()._holds(w, image, dtype))

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_orders.sorted_directions(fan_in, self.gap, self._sign, wanted)

    def _transform(self):
        return Increments(self)

    def _phrase(self):
        apart = f" by at least {self.gap:g} each" if self.gap else ""
        return f"{self.direction}{apart}"


class Convex(_Order):
    """The weights bend upwards along an axis.

    The set is `{w : w[k - 1] - 2 w[k] + w[k + 1] >= 0}` along the axis: the knots of a calibration
    whose slope never falls. One or two weights are always a member. The projection is
    least-squares convex regression, exact to the rounding of the largest weight; it takes more
    rounds the longer the axis, which suits some hundreds of weights.

    The initializer draws lines bent at one random place, of mean zero and the Glorot norm.

    Args:
        axis: The axis along which the weights bend. The default is the first: the inputs of a
            `Dense` kernel, the levels of an `Embedding`, the entries of a vector.

    Raises:
        ValueError: `axis` is no integer.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Convex().project([4.0, 1.0, 3.0, 2.0, 6.0])).round(2) + 0.0)
    [4.  1.5 2.  2.5 6. ]

    Source: P. Groeneboom, G. Jongbloed, J. Wellner, "The support reduction algorithm for computing
    non-parametric function estimates in mixture models", 2008.
    """

    _sign = 1.0

    def __init__(self, axis: int = 0):
        self.axis = _checks.integer(type(self).__name__, "axis", axis)

    def _nearest(self, w, dtype, where=None):
        return looping(_bent, self, tuple(w.shape))(w)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_orders.bent_lines(fan_in, fan_out, self._sign, wanted)

    def _transform(self):
        return Bends(self)

    def _phrase(self):
        return "convex"


class Concave(Convex):
    """The weights bend downwards along an axis.

    The set is `{w : w[k - 1] - 2 w[k] + w[k + 1] <= 0}` along the axis: the negatives of the
    members of `Convex`, which says more.

    The initializer draws lines bent at one random place, of mean zero and the Glorot norm.

    Args:
        axis: The axis along which the weights bend, as for `Convex`.

    Raises:
        ValueError: `axis` is no integer.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Concave().project([3.0, 0.0, 3.0])).round(4))
    [2. 2. 2.]
    """

    _sign = -1.0

    def _phrase(self):
        return "concave"


class Unimodal(_Order):
    """The weights go up to a peak and down from it, or down to a valley and up, along an axis.

    The set is `{w : w[0] <= ... <= w[p] >= ... >= w[n - 1]}` along the axis for a peak `p`, with
    `>=` and `<=` changed for a valley. A given `p` makes the set convex, and the projection is
    isotonic regression of both sides and of the peak with them. Without it each unit has its own
    `p`, the set is not convex, and the projection tries all: exact, in time that grows with the
    square of the length. The order holds to the bit either way.

    The initializer draws normal weights of mean zero and the Glorot norm, the largest at the peak
    and the others in order on both sides; a peak that is not given is anywhere.

    Args:
        direction: `"peak"` or `"valley"`.
        at: The place of the peak or valley along the axis, which may count from the end as a
            negative number. None: anywhere, and for each unit at another place.
        axis: The axis along which the order holds. The default is the first: the inputs of a
            `Dense` kernel, the levels of an `Embedding`, the entries of a vector.

    Raises:
        ValueError: `direction` is neither, or `at` or `axis` is no integer; at use, the axis is too
            short for `at`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> w = [1.0, 4.0, 2.0, 3.0, 0.0]
    >>> print(np.asarray(ci.Unimodal().project(w)))
    [1.  4.  2.5 2.5 0. ]
    >>> print(np.asarray(ci.Unimodal(at=-2).project(w)))
    [1. 3. 3. 3. 0.]

    Source: Q. Stout, "Unimodal regression via prefix isotonic regression", 2008.
    """

    maps = "where the place is given"
    to_the_bit = True

    def __init__(self, direction: str = "peak", at: int | None = None, axis: int = 0):
        words = list(_TURNS)
        self.direction = _checks.choice("Unimodal", "direction", direction, words, meant=_TURNED)
        self.at = None if at is None else _checks.integer("Unimodal", "at", at)
        self.axis = _checks.integer("Unimodal", "axis", axis)

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only with a given place."""
        return self.at is not None

    @property
    def no_map(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only without a given place."""
        return "the place of the peak changes in jumps" if self.at is None else ""

    @property
    def _sign(self):
        return _TURNS[self.direction]

    def check_shape(self, shape):
        super().check_shape(shape)
        length = shape[self.axis]
        if self.at is not None and not -length <= self.at < length:
            raise ValueError(
                f"`at` of `Unimodal` must be a place along axis {self.axis} of the weight, which "
                f"has {length}. Received: at={self.at} for a weight of shape {tuple(shape)}."
            )

    def _place(self, length):
        """The place of the peak, counted from the start."""
        return self.at if self.at is None else self.at % length

    def _nearest(self, w, dtype, where=None):
        return looping(_turned, self, tuple(w.shape))(w)

    def _holds(self, w, image, dtype):
        steps = ops.moveaxis(self._sign * ops.diff(w, axis=self.axis), self.axis, 0)
        place = self._place(w.shape[self.axis])
        if place is None:
            fell = accumulated(steps < 0, 0, ops.logical_or)
            wrong = ops.logical_and(fell, steps > 0)
        else:
            wrong = ops.concatenate([steps[:place] < 0, steps[place:] > 0])
        return ops.logical_not(ops.moveaxis(ops.any(wrong, axis=0, keepdims=True), 0, self.axis))

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_orders.peaks(fan_in, self.at, self._sign, wanted)

    def _transform(self):
        return None if self.at is None else Flanks(self)

    def _phrase(self):
        where = "" if self.at is None else f" at {self.at}"
        return ("up to a peak{}, then down" if self._sign > 0 else "down to a valley{}, then up"
                ).format(where)  # fmt: skip


def _ordered(a_set, shape, w):
    folding = Folding(shape, [a_set.axis % len(shape)])
    sign = a_set._sign
    length = shape[a_set.axis]
    place = np.arange(length)[:, None] - (length - 1) / 2
    steps = ops.convert_to_tensor(a_set.gap * place, dtype=w.dtype)
    image = isotonic(sign * folding.matrix(w) - steps)
    return sign * folding.weight(image + steps)


def _bent(a_set, shape, w):
    folding = Folding(shape, [a_set.axis % len(shape)])
    return a_set._sign * folding.weight(convex_sequences(a_set._sign * folding.matrix(w)))


def _turned(a_set, shape, w):
    folding = Folding(shape, [a_set.axis % len(shape)])
    columns, place = a_set._sign * folding.matrix(w), a_set._place(shape[a_set.axis])
    return a_set._sign * folding.weight(
        unimodal(columns) if place is None else peaked(columns, place)
    )


def order_and_bend(sets: list[ConstraintSet]) -> tuple[Monotone, Convex] | None:
    """Two sets as an order and a bend along one axis, whichever stands first; None for others."""
    for one, other in (sets, sets[::-1]) if len(sets) == 2 else ():
        if isinstance(one, Monotone) and isinstance(other, Convex) and one.axis == other.axis:
            return one, other
    return None
