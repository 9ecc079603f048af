"""Smooth maps made of others: of the blocks of a weight, or of the part under a mask."""

import math

import numpy as np
from keras import ops

from constrainit.transforms._transform import Transform


class Joined(Transform):
    """Each block of a weight through the map of its set.

    Where those free values have the shapes of the blocks, they lie side by side as the blocks do;
    else the free value is a vector of all of them, one after the other.

    Args:
        set: The set of weights in blocks, each of whose sets has a map.
    """

    def __init__(self, set):
        super().__init__(set)
        maps = [one.transform for one in set._sets()]
        self.linear = all(one.linear for one in maps)
        self.rounds = maps[0].rounds if all(one.rounds for one in maps) else ""
        self.reshapes = any(one.reshapes for one in maps)
        # A vector of free values has no base: it holds weights, which have another shape.
        self.based = any(one.based for one in maps) and not self.reshapes

    def free_shape(self, shape):
        """That of the weight, or a vector."""
        if not self.reshapes:
            return tuple(shape)
        return (sum(math.prod(one.free_shape(block)) for one, block in self._pieces(shape)),)

    def _pieces(self, shape):
        """The map and the shape of each block."""
        pieces = self.set._pieces(shape[self.set.axis])
        return [(one.transform, self.set._block(shape, size)) for one, size in pieces]

    def _member(self, v, dtype, shape):
        pieces = self._pieces(shape)
        free = [one.free_shape(block) for one, block in pieces]
        axis = 0 if self.reshapes else self.set.axis
        sizes = [math.prod(one) if self.reshapes else one[axis] for one in free]
        return self.set._joined([
            one._member(ops.reshape(part, own), dtype, block)
            for (one, block), part, own in zip(pieces, _split(v, sizes, axis), free, strict=True)
        ])  # fmt: skip

    def _around(self, v, dtype, base, origin):
        return self.set._joined([
            one._around(part, dtype, *beside)
            for one, part, *beside in self._beside(v, base, origin)
        ])  # fmt: skip

    def _strays(self, v, origin):
        found = [one._strays(*beside) for one, *beside in self._beside(v, origin)]
        return ops.any(ops.stack(found))

    def _landed(self, w):
        return self.set._joined([one._landed(part) for one, part in self._beside(w)])

    def _beside(self, *tensors):
        """The map of each block, and the block of each tensor."""
        pieces, axis = self._pieces(tensors[0].shape), self.set.axis
        sizes = [block[axis] for _, block in pieces]
        maps = [one for one, _ in pieces]
        return zip(maps, *[_split(one, sizes, axis) for one in tensors], strict=True)

    def right_inverse(self, w):
        """That of each block."""
        return self._each(w, "right_inverse")

    def start(self, w):
        """That of each block."""
        return self._each(w, "start")

    def _each(self, w, method):
        blocks = self.set._blocks(self.set._tensor(w))
        found = [getattr(one.transform, method)(block) for one, block in blocks]
        if self.reshapes:
            return ops.concatenate([ops.reshape(one, (-1,)) for one in found])
        return self.set._joined(found)


def _split(x, sizes, axis):
    ends = np.cumsum(sizes)[:-1].tolist()
    # Keras splits at no place on JAX only.
    return ops.split(x, ends, axis=axis) if ends else [x]


class UnderMask(Transform):
    """The map of the inner set over the entries in the mask; the others are zero.

    Args:
        set: The masked set, whose inner set has a map that takes a mask.
    """

    def __init__(self, set):
        super().__init__(set)
        self.inner = set.set.transform
        self.linear, self.rounds = self.inner.linear, self.inner.rounds

    def _map(self, v, dtype):
        where = self.set._where(v)
        v = ops.where(where, v, ops.zeros_like(v))
        return ops.where(where, self.inner._map(v, dtype, where), ops.zeros_like(v))

    def _inverse(self, w, dtype):
        return np.where(self._mask(w), self.inner._inverse(w, dtype), 0.0)

    def _inside(self, w, dtype):
        return np.where(self._mask(w), self.inner._inside(w, dtype), 0.0)

    def _mask(self, w):
        return np.broadcast_to(np.asarray(self.set.mask, bool), w.shape)
