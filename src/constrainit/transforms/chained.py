"""Smooth maps onto what two sets have in common: one map after another, or from a floor on."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from constrainit.numerics import at_least, at_most
from constrainit.transforms._transform import Transform, with_value
from constrainit.transforms.orders import accumulated


class Chained(Transform):
    """A map onto one set, then a map that does not lead out of it.

    Args:
        set: What both sets have in common.
        first: The map onto the one set.
        last: The map onto the other, which takes every member of the first set to a member of it.
    """

    def __init__(self, set, first: Transform, last: Transform):
        super().__init__(set)
        self.first, self.last = first, last

    def _map(self, v, dtype):
        return self.last._map(self.first._map(v, dtype), dtype)

    def _inverse(self, w, dtype):
        return self.first._inverse(self.last._inverse(w, dtype), dtype)

    def start(self, w):
        """As of every map, of what lies inside of both sets."""

        def found(w, dtype):
            between = self.last._inverse(self.last._inside(w, dtype), dtype)
            return self.first._inverse(self.first._inside(between, dtype), dtype)

        return self._of(w, found)


class ChainedTies(Chained):
    """The second map entry by entry, where the first set says which entries are equal.

    An entry is computed as its equals are, but for a rounding, which is taken out again.
    """

    def _map(self, v, dtype):
        w = super()._map(v, dtype)
        tied = self.first.set._nearest(ops.stop_gradient(w), dtype)
        return with_value(w, self.last.set._nearest(tied, dtype))


class BoundedOrder(Transform):
    """A map onto weights in order, then one onto the bounds, then the gaps.

    Args:
        set: What both sets have in common.
        order: The set of weights in order, with its gap.
        ordered: The map onto weights in this order, without a gap.
        within: Gives the map onto the bounds that are left for the lowest of `n` weights, or for
            all of them less their gaps.
        bounds: Gives the lower and the upper bound as a dtype stores them, None where there is
            none.
    """

    def __init__(
        self,
        set,
        order: Any,
        ordered: Transform,
        within: Callable[[int], Transform],
        bounds: Callable[[str], tuple[float | None, float | None]],
    ):
        super().__init__(set)
        self._order, self._ordered = order, ordered
        self._within, self._bounds = within, bounds

    def _parts(self, shape):
        """The axis, the map onto the bounds, and the gaps from the lowest weight on."""
        axis = self._order.axis % len(shape)
        length = shape[axis]
        place = np.arange(length)[:: int(self._order._sign)]
        along = [length if a == axis else 1 for a in range(len(shape))]
        return axis, self._within(length), np.reshape(self._order.gap * place, along)

    def _map(self, v, dtype):
        axis, last, gaps = self._parts(v.shape)
        w = last._map(self._ordered._map(v, dtype), dtype)
        w = w + ops.convert_to_tensor(gaps, dtype=w.dtype) if self._order.gap else w
        # Equal arguments, and those close by, need not come out of a function in order.
        sign, (low, high) = self._order._sign, self._bounds(dtype)
        value = sign * accumulated(
            sign * ops.stop_gradient(w), axis, lambda a, b: ops.where(a > b, a, b)
        )
        value = value if low is None else at_least(value, low)
        value = value if high is None else at_most(value, high)
        return with_value(w, value)

    def _above_gaps(self, w):
        """The map onto the bounds, and what the weights are above their gaps, in order."""
        axis, last, gaps = self._parts(w.shape)
        sign = self._order._sign
        # Gaps hold to the rounding of the storage only, and near a bound that is no small step.
        return last, sign * np.maximum.accumulate(sign * (w - gaps), axis=axis)

    def _inverse(self, w, dtype):
        last, above = self._above_gaps(w)
        return self._ordered._inverse(last._inverse(above, dtype), dtype)

    def start(self, w):
        """As of every map, of what lies inside of the bounds and has no ties."""

        def found(w, dtype):
            last, above = self._above_gaps(w)
            between = last._inverse(last._inside(above, dtype), dtype)
            return self._ordered._inverse(self._ordered._inside(between, dtype), dtype)

        return self._of(w, found)


class Floored(Transform):
    """A floor for each weight, and shares of what the total leaves above the floors.

    Args:
        set: What both sets have in common.
        rest: Gives the floor and the map onto the shares, for a shape and a storage dtype.
    """

    def __init__(self, set, rest: Callable[[tuple[int, ...], str], tuple[float, Transform]]):
        super().__init__(set)
        self._rest = rest

    def _map(self, v, dtype):
        floor, shares = self._rest(tuple(v.shape), dtype)
        return shares._map(v, dtype) + floor

    def _inverse(self, w, dtype):
        floor, shares = self._rest(w.shape, dtype)
        return shares._inverse(np.maximum(w - floor, 0.0), dtype)

    def _inside(self, w, dtype):
        floor, shares = self._rest(w.shape, dtype)
        return shares._inside(np.maximum(w - floor, 0.0), dtype) + floor
