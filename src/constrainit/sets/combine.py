"""One set applied to a part of a weight: under a mask, or block by block."""

from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers._draws import nth_seed
from constrainit.sets.keras_builtin import as_set


class _Wrapping(ConstraintSet):
    """One set, applied in another way."""

    set: ConstraintSet

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.convex

    @property
    def unresolved(self) -> bool:
        """As the inner set."""
        return self.set.unresolved

    @property
    def unit_axis(self) -> Any:
        """As the inner set."""
        return self.set.unit_axis

    def resolve(self, axis):
        """A copy around the resolved inner set."""
        return type(self)(**{**self._arguments(), "set": self.set.resolve(axis)})

    @property
    def scale_free(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.scale_free

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.traceable

    def _units(self, rank):
        return self.set._units(rank)

    def _fed(self, rank):
        return self.set._fed(rank)


class Masked(_Wrapping):
    """Only the entries in the mask are used: they obey a set, and the others are zero.

    The set is `{w : w = 0 outside the mask, w in set}`; for sets of bounds the set holds inside
    the mask only. Exact: norms, sums and bounds are taken over the entries in the mask. A
    unit with no entry in the mask is zero.

    The initializer draws from the inner set and scales each unit up for the inputs it lost, so
    that its variance is that of the full unit where the set leaves the scale free.

    Args:
        set: The set that the entries in the mask obey; anything that `as_set` takes.
        mask: Array or nested list of booleans (or 0 and 1) that broadcasts to the weight.

    Raises:
        ValueError: `mask` holds other values, or the set has no projection under a mask.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Masked(ci.SumTo(1.0), [1, 0, 1]).project([1.0, 5.0, 2.0])))
    [0. 0. 1.]
    """

    maskable = False

    def __init__(self, set: Any, mask: Any):
        self.set = as_set(set)
        if not self.set.maskable:
            raise _checks.fail(
                "Masked", "set", "have a projection under a mask", set,
                "Bounds, norms, sums and Symmetric() have one.",
            )  # fmt: skip
        array = np.asarray(mask)
        if array.size == 0 or not np.isin(array, (0, 1)).all():
            raise _checks.fail("Masked", "mask", "hold booleans, or 0 and 1", mask)
        self.mask = array.astype(bool).tolist()

    def check_shape(self, shape):
        self.set.check_shape(shape)
        own = np.shape(self.mask)
        try:
            fits = np.broadcast_shapes(own, shape) == tuple(shape)
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"`mask` of `Masked` must broadcast to the weight. Received: a mask of shape {own}"
                f" for a weight of shape {tuple(shape)}."
            )

    def _where(self, w):
        return ops.broadcast_to(ops.convert_to_tensor(self.mask, dtype="bool"), w.shape)

    def _nearest(self, w, dtype, where=None):
        where = self._where(w)
        inner = self.set._nearest(ops.where(where, w, ops.zeros_like(w)), dtype, where)
        return ops.where(where, inner, ops.zeros_like(w))

    def _holds(self, w, image, dtype):
        where = self._where(w)
        inner = self.set._holds(ops.where(where, w, ops.zeros_like(w)), image, dtype)
        return ops.where(where, ops.broadcast_to(inner, w.shape), ops.equal(w, 0))

    def _usable(self, w):
        return self.set._usable(w)

    def _law_of(self, shape, axes, wanted, where=None):
        mask = np.broadcast_to(np.asarray(self.mask), shape)
        return self.set._law_of(shape, axes, wanted, mask)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        where = np.broadcast_to(np.asarray(self.mask), shape)
        return self.set._draw(shape, dtype, seed, wanted, axes, where)

    def _phrase(self):
        share = float(np.mean(self.mask))
        return f"zero outside a mask of {share:.0%} of the entries, inside: {self.set.describe()}"


class Blocks(_Wrapping):
    """Each of several equal blocks along an axis obeys a set by itself.

    An LSTM keeps its four gates side by side in one recurrent kernel `(units, 4 * units)`, a GRU
    its three: `Blocks(Orthogonal(), 4)` makes each gate's matrix orthogonal. As exact as the set.

    Args:
        set: The set that each block obeys; anything that `as_set` takes.
        count: How many blocks.
        axis: The axis that is cut into blocks.

    Raises:
        ValueError: `count` is no positive integer; at use, the axis does not divide into blocks.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Blocks(ci.SumTo(0.0, axis=-1), 2).project([[1.0, 3.0, 5.0, 7.0]])))
    [[-1.  1. -1.  1.]]
    """

    maskable = False

    def __init__(self, set: Any, count: int, axis: int = -1):
        self.set = as_set(set)
        self.count = _checks.count("Blocks", "count", count)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise _checks.fail("Blocks", "axis", "be an integer", axis)
        self.axis = axis

    def check_shape(self, shape):
        if not -len(shape) <= self.axis < len(shape) or shape[self.axis] % self.count:
            raise ValueError(
                f"`Blocks` must cut axis {self.axis} of the weight into {self.count} equal blocks. "
                f"Received: shape={tuple(shape)}."
            )
        self.set.check_shape(self._block_shape(shape))

    def _block_shape(self, shape):
        block = list(shape)
        block[self.axis] //= self.count
        return tuple(block)

    def _split(self, w):
        return ops.split(w, self.count, axis=self.axis)

    def _nearest(self, w, dtype, where=None):
        parts = [self.set._nearest(part, dtype) for part in self._split(w)]
        return ops.concatenate(parts, axis=self.axis)

    def _holds(self, w, image, dtype):
        pairs = zip(self._split(w), self._split(image), strict=True)
        held = [ops.broadcast_to(self.set._holds(a, b, dtype), a.shape) for a, b in pairs]
        return ops.concatenate(held, axis=self.axis)

    def _usable(self, w):
        usable = [ops.broadcast_to(self.set._usable(a), a.shape) for a in self._split(w)]
        return ops.concatenate(usable, axis=self.axis)

    def _distance(self, moved):
        return ops.stack([ops.max(self.set._distance(part)) for part in self._split(moved)])

    def _law_of(self, shape, axes, wanted, where=None):
        return self.set._law_of(self._block_shape(shape), axes, wanted)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        block = self._block_shape(shape)
        seeds = [nth_seed(seed, i) for i in range(self.count)]
        parts = [self.set._draw(block, dtype, one, wanted, axes) for one in seeds]
        return ops.concatenate(parts, axis=self.axis)

    def describe(self):
        """The inner set's line, for each block."""
        return f"each of {self.count} blocks along axis {self.axis}: {self.set.describe()}"
