"""What all sets of bounds do, with one bound for all entries or with one for each."""

import functools
import math
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._folding import Folding
from constrainit._precision import dtype_of, inward, inward_each, nearest, stored
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_bounds, laws_of_patterns
from constrainit.numerics import at_least, at_most, between
from constrainit.transforms import Entrywise, maps_of_bounds


class _Bounds(ConstraintSet):
    """`{w : lower <= w <= upper}` entry by entry, either bound may be None.

    Weights outside go to the bound, as the storage dtype holds it without stepping over it
    (0.1 is 0.1001 in bfloat16, never 0.0999). A weight at the bound as the dtype rounds it
    violates nothing; projected, it goes there too. Exact; one pass over the weights.
    """

    _by_entry = False
    """Whether the bounds are arrays."""

    def _bounds(self) -> tuple[Any, Any]:
        raise TypeError(f"`{type(self).__name__}` must define `_bounds()`.")

    def _nearest(self, w, dtype, where=None):
        low, high = self._stored_bounds(dtype)
        w = w if low is None else at_least(w, low)
        w = w if high is None else at_most(w, high)
        return w if where is None else ops.where(where, w, ops.zeros_like(w))

    def _stored_bounds(self, dtype):
        lower, upper = self._bounds()
        low = None if lower is None else inward(lower, dtype, +1)
        high = None if upper is None else inward(upper, dtype, -1)
        empty = low is not None and high is not None and low > high
        if empty or math.inf in (low, -(high or 0.0)):
            raise ValueError(f"`{self!r}` holds no {dtype} number. Widen it or use a wider dtype.")
        return low, high

    def _holds(self, w, image, dtype):
        return ops.equal(w, image)

    def _image(self, w):
        return between(w, *self._stored_bounds(dtype_of(w)))

    def _image_into(self, w):
        return between(w, *self._stored_bounds(dtype_of(w)), out=w)

    def _outside(self, w, image):
        moved = super()._outside(w, image)
        # What a bound is rounded to violates nothing, on whichever side of it.
        for bound in self._rounded_bounds(dtype_of(w)):
            moved = moved if bound is None else ops.where(w == bound, 0.0, moved)
        return moved

    def _rounded_bounds(self, dtype):
        return [None if bound is None else nearest(bound, dtype) for bound in self._bounds()]

    def _usable(self, w):
        return ops.logical_not(ops.isnan(w))

    def _maps(self):
        return maps_of_bounds(self)

    def _transform(self):
        return next(iter(self._maps().values()))(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_bounds.bounded(*self._bounds(), fan_in, wanted)


class _BoundsOfEntries(_Bounds):
    """As `_Bounds`, where the arguments `lower` and `upper` may be nested lists."""

    lower: Any
    upper: Any

    @property
    def _by_entry(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return isinstance(self.lower, list) or isinstance(self.upper, list)

    @functools.cached_property
    def _ends(self):
        return as_array(self.lower, -math.inf), as_array(self.upper, math.inf)

    def _bounds(self):
        return self._ends

    @functools.cached_property
    def _full(self):
        """Both bounds as arrays of one shape, infinite where there is none."""
        low, high = self._bounds()
        low = -math.inf if low is None else low
        return np.broadcast_arrays(low, math.inf if high is None else high)

    def check_shape(self, shape):
        for name, end in zip(("lower", "upper"), self._bounds(), strict=True):
            if isinstance(end, np.ndarray):
                _checks.broadcasts(type(self).__name__, name, end, shape)

    @functools.cached_property
    def _kept(self):
        """The bounds as each storage dtype holds them: to round many takes longer than a step."""
        return {}

    def _stored_bounds(self, dtype):
        if not self._by_entry:
            return super()._stored_bounds(dtype)
        if dtype not in self._kept:
            low, high = self._full
            ends = inward_each(low, dtype, +1), inward_each(high, dtype, -1)
            self._check_stored(*ends, dtype)
            self._kept[dtype] = ends
        return self._kept[dtype]

    def _check_stored(self, low, high, dtype):
        empty = np.argwhere((low > high) | (low == math.inf) | (high == -math.inf))
        if empty.size:
            at = tuple(empty[0].tolist())
            raise ValueError(
                f"`{type(self).__name__}` holds no {dtype} number at {at} of its bounds, between "
                f"{self._full[0][at]} and {self._full[1][at]}. Widen them or use a wider dtype."
            )

    def _rounded_bounds(self, dtype):
        if not self._by_entry:
            return super()._rounded_bounds(dtype)
        ends = [np.where(np.isinf(end), end, stored(end, dtype)) for end in self._full]
        return [ops.convert_to_tensor(end, dtype=dtype) for end in ends]

    def _maps(self):
        return {} if self._by_entry else super()._maps()

    def _transform(self):
        return Entrywise(self) if self._by_entry else super()._transform()

    @functools.cached_property
    def scale_free(self) -> bool:
        """Not with bounds other than zero."""
        return all((np.isinf(end) | (end == 0)).all() for end in self._full)

    def _law_of(self, shape, axes, wanted, where=None):
        if not self._by_entry:
            return super()._law_of(shape, axes, wanted, where)
        ends = [end.flat[0] for end in self._full]
        if all((every == end).all() for every, end in zip(self._full, ends, strict=True)):
            alike = [None if math.isinf(end) else float(end) for end in ends]
            return type(self)(*alike)._law_of(shape, axes, wanted, where)
        folding = Folding(shape, self._rows_of(shape, axes)[0])
        used = folding.array(True if where is None else where)
        low, high = map(folding.array, self._full)
        return laws_of_patterns.within(low, high, used, wanted)


def as_array(bound: Any, infinite: float) -> Any:
    """A bound of each entry as an array, with this number where it is open."""
    if not isinstance(bound, list):
        return bound
    values = np.asarray(bound, "float64")  # NaN for None
    return np.where(np.isnan(values), infinite, values)


def check_room(low: Any, high: Any) -> None:
    """That arrays of bounds fit one another, and that each entry has room between its two."""
    shapes = np.shape(low), np.shape(high)
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            "`lower` and `upper` of `Box` must broadcast to one another. Received: shapes "
            f"{shapes[0]} and {shapes[1]}."
        ) from None
    if low is None or high is None:
        return
    low, high = np.broadcast_arrays(low, high)
    tight = np.argwhere(low >= high)
    if tight.size:
        at = tuple(tight[0].tolist())
        raise ValueError(
            f"`lower` of `Box` must be below upper in each entry. Received: lower={low[at]} and "
            f"upper={high[at]} at {at}. For entries of given values use Fixed(mask, values)."
        )


def spans(low: np.ndarray, high: np.ndarray) -> str:
    """How far arrays of bounds reach, in words."""
    parts = []
    for word, ends in (("at least", low), ("at most", high)):
        known = ends[np.isfinite(ends)]
        if known.size:
            least, most = known.min(), known.max()
            share = "" if known.size == ends.size else f" for {known.size / ends.size:.0%} of them"
            between = f"{least:g}" if least == most else f"{least:g} to {most:g}"
            parts.append(f"{word} {between}{share}")
    return ", ".join(parts)
