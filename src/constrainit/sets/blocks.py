"""A weight cut into blocks along an axis, each of which obeys a set by itself."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_bounds
from constrainit.initializers._draws import nth_seed
from constrainit.numerics import largest
from constrainit.sets.combine import agreed, inner_set
from constrainit.transforms import Identity, Joined


class _Free(ConstraintSet):
    """Every weight."""

    def _nearest(self, w, dtype, where=None):
        return w

    def _units(self, rank):
        return ()

    def _holds(self, w, image, dtype):
        return ops.ones_like(w, dtype="bool")

    def _usable(self, w):
        return ops.ones_like(w, dtype="bool")

    def _transform(self):
        return Identity(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_bounds.independent(fan_in, wanted)

    def describe(self):
        return "free"


class _Cut(ConstraintSet):
    """Consecutive blocks along an axis, each with its set."""

    maskable = False
    axis: int

    def _sets(self) -> list[ConstraintSet]:
        """The different sets of the blocks."""
        raise TypeError(f"`{type(self).__name__}` must define `_sets()`.")

    def _pieces(self, length: int) -> list[tuple[ConstraintSet, int]]:
        """The set and the size of each block of an axis of this length; none if it has no such."""
        raise TypeError(f"`{type(self).__name__}` must define `_pieces(length)`.")

    def _must(self) -> str:
        """What the axis must be, for an error."""
        raise TypeError(f"`{type(self).__name__}` must define `_must()`.")

    @property
    def convex(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the set of every block is."""
        return all(one.convex for one in self._sets())

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the set of every block is."""
        return all(one.traceable for one in self._sets())

    @property
    def to_the_bit(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the set of any block is."""
        return any(one.to_the_bit for one in self._sets())

    @property
    def may_lack(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the set of any block may."""
        return any(one.may_lack for one in self._sets())

    @property
    def scale_free(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the set of every block is."""
        return all(one.scale_free for one in self._sets())

    @property
    def is_cone(self) -> bool:
        """As the inner sets."""
        return all(one.is_cone for one in self._sets())

    @property
    def no_map(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the first set without a map."""
        return next((one.no_map for one in self._sets() if one.transform is None), "")

    @property
    def unresolved(self) -> bool:
        """Whether the set of any block waits for its axis."""
        return any(one.unresolved for one in self._sets())

    @property
    def unit_axis(self) -> Any:
        """That of the blocks' sets, where those that have one agree."""
        return agreed(one.unit_axis for one in self._sets())

    def check_shape(self, shape):
        fits = -len(shape) <= self.axis < len(shape)
        pieces = self._pieces(shape[self.axis]) if fits else []
        if not pieces:
            raise ValueError(f"{self._must()} Received: shape={tuple(shape)}.")
        for one, size in pieces:
            one.check_shape(self._block(shape, size))

    def _block(self, shape, size):
        block = list(shape)
        block[self.axis] = size
        return tuple(block)

    def _blocks(self, w):
        """The set of each block and the block."""
        pieces = self._pieces(w.shape[self.axis])
        ends = np.cumsum([size for _, size in pieces])[:-1].tolist()
        # Keras splits at no place on JAX only.
        blocks = ops.split(w, ends, axis=self.axis) if ends else [w]
        return [(one, block) for (one, _), block in zip(pieces, blocks, strict=True)]

    def _joined(self, parts):
        return ops.concatenate(parts, axis=self.axis)

    def _units(self, rank):
        return tuple(sorted({a % rank for one in self._sets() for a in one._units(rank)}))

    def _fed(self, rank):
        return agreed(one._fed(rank) for one in self._sets())

    def _nearest(self, w, dtype, where=None):
        return self._joined([one._nearest(block, dtype) for one, block in self._blocks(w)])

    def _holds(self, w, image, dtype):
        pairs = zip(self._blocks(w), self._blocks(image), strict=True)
        held = [ops.broadcast_to(s._holds(a, b, dtype), a.shape) for (s, a), (_, b) in pairs]
        return self._joined(held)

    def _usable(self, w):
        return self._joined([ops.broadcast_to(s._usable(b), b.shape) for s, b in self._blocks(w)])

    def _lacking(self, w):
        return next(filter(None, (one._lacking(block) for one, block in self._blocks(w))), "")

    def _outside(self, w, image):
        pairs = zip(self._blocks(w), self._blocks(image), strict=True)
        return self._joined([one._outside(a, b) for (one, a), (_, b) in pairs])

    def _distance(self, moved):
        return ops.stack([largest(one._distance(block)) for one, block in self._blocks(moved)])

    def _transform(self):
        return Joined(self) if all(one.transform for one in self._sets()) else None

    def _law_of(self, shape, axes, wanted, where=None):
        (one, size), *others = self._pieces(shape[self.axis])
        block = self._block(shape, size)
        # Blocks of inputs, and of different sets, follow laws that are no single one.
        if self._share(one, shape, block, axes) < 1 or any(s != one for s, _ in others):
            return None
        return one._law_of(block, axes, wanted)

    def _share(self, one, shape, block, axes):
        """How much of what feeds a unit is in a block."""
        return one._rows_of(block, axes)[1] / max(one._rows_of(shape, axes)[1], 1)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        parts = []
        for index, (one, size) in enumerate(self._pieces(shape[self.axis])):
            block, own = self._block(shape, size), wanted
            share = self._share(one, shape, block, axes)
            if share < 1:
                whole = one._as_glorot(shape, axes) if wanted is None else wanted
                gain, total = whole.gain * math.sqrt(share), whole.total * share
                own = replace(whole, gain=gain, total=total)
            parts.append(one._draw(block, dtype, nth_seed(seed, index), own, axes))
        return self._joined(parts)


class Blocks(_Cut):
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

    def __init__(self, set: Any, count: int, axis: int = -1):
        self.set = inner_set("Blocks", "set", set)
        self.count = _checks.count("Blocks", "count", count)
        self.axis = _checks.integer("Blocks", "axis", axis)

    def resolve(self, axis):
        """Blocks of the resolved set."""
        return Blocks(self.set.resolve(axis), self.count, self.axis)

    def _sets(self):
        return [self.set]

    def _pieces(self, length):
        size, rest = divmod(length, self.count)
        return [] if rest else [(self.set, size)] * self.count

    def _must(self):
        return f"`Blocks` must cut axis {self.axis} of the weight into {self.count} equal blocks."

    def describe(self):
        """The inner set's line, for each block."""
        return f"each of {self.count} blocks along axis {self.axis}: {self.set.describe()}"


class Product(_Cut):
    """Consecutive blocks along an axis each obey a set of their own, or are free.

    The set is the Cartesian product of the blocks' sets. A kernel `(inputs, units)` whose first
    three inputs have a known direction: `Product([NonNegative(), None], [3, 5], axis=0)`. As exact
    as the sets. Units are those of each block: a norm is taken over the inputs of the block.

    The initializer draws each block from its own set; blocks of inputs share the scale of a unit.

    Args:
        sets: For each block a set (anything that `as_set` takes), or None for a free block.
        sizes: The size of each block; None for equal ones.
        axis: The axis that is cut into blocks.

    Raises:
        ValueError: No set at all, or sizes that are no positive integers, one for each set; at
            use, the axis has another length.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> a_set = ci.Product([ci.NonNegative(), None, ci.SumTo(0.0)], [1, 1, 2])
    >>> print(np.asarray(a_set.project([-1.0, -2.0, 3.0, 5.0])))
    [ 0. -2. -1.  1.]
    """

    def __init__(self, sets: list[Any], sizes: list[int] | None = None, axis: int = -1):
        if not isinstance(sets, (list, tuple)) or not sets:
            raise _checks.fail("Product", "sets", "be a list of sets, or None for free", sets)
        if all(one is None for one in sets):
            raise _checks.fail("Product", "sets", "hold a set for one block at least", sets)
        self.sets = [None if s is None else inner_set("Product", "sets", s) for s in sets]
        if sizes is not None and (
            not isinstance(sizes, Sequence) or isinstance(sizes, str) or len(sizes) != len(sets)
        ):
            must = f"be None, or a list of {len(sets)} integers, one for each set"
            raise _checks.fail("Product", "sizes", must, sizes)
        self.sizes = (
            None if sizes is None else [_checks.count("Product", "sizes", n) for n in sizes]
        )
        self.axis = _checks.integer("Product", "axis", axis)
        self._own = [_Free() if one is None else one for one in self.sets]

    def resolve(self, axis):
        """The product of the resolved sets."""
        sets = [None if one is None else one.resolve(axis) for one in self.sets]
        return Product(sets, self.sizes, self.axis)

    def _sets(self):
        return self._own

    def _pieces(self, length):
        count = len(self._own)
        sizes = [length // count] * count if self.sizes is None else self.sizes
        return list(zip(self._own, sizes, strict=True)) if sum(sizes) == length else []

    def _must(self):
        sizes = f"of sizes {self.sizes}" if self.sizes else f"of one size, {len(self._own)} of them"
        return f"`Product` must cut axis {self.axis} of the weight into blocks {sizes}."

    def describe(self):
        """The inner sets' lines."""
        sizes = self.sizes or ["equal"] * len(self._own)
        parts = "; ".join(f"{n}: {s.describe()}" for n, s in zip(sizes, self._own, strict=True))
        return f"blocks along axis {self.axis} of size {parts}"
