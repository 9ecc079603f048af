"""Sparse weights: few that differ from zero, wherever they are."""

from typing import Any

from keras import ops

from constrainit import _checks
from constrainit._folding import Folding
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_patterns
from constrainit.numerics import are_largest, keep_largest


class _Sparse(ConstraintSet):
    """Few weights in each group of a unit's weights differ from zero."""

    convex = False
    no_map = "which weights are zero changes in jumps"

    def _group(self, size: int) -> tuple[int, int]:
        """How many weights are kept of how many, for a unit of `size` weights."""
        raise TypeError(f"`{type(self).__name__}` must define `_group(size)`.")

    def _nearest(self, w, dtype, where=None):
        return self._in_groups(w, keep_largest)

    def _places(self, w, signed: bool) -> Any:
        """Where the weights are that are kept: the largest, else those of largest magnitude."""
        return self._in_groups(w if signed else ops.abs(w), are_largest)

    def _in_groups(self, w, function):
        """`function(groups along the last axis, how many of each are kept)`, as a weight."""
        rank = len(w.shape)
        folding = Folding(w.shape, sorted(a % rank for a in self._units(rank)))
        height, width = folding.size
        kept, group = self._group(height)
        columns = ops.reshape(ops.transpose(folding.matrix(w)), (width, height // group, group))
        columns = ops.reshape(function(columns, kept), (width, height))
        return folding.weight(ops.transpose(columns))

    def _holds(self, w, image, dtype):
        return ops.equal(w, image)


class TopK(_Sparse):
    """No unit has more than `k` weights that differ from zero.

    The set is `{w : at most k entries of w are not zero}` for each unit; not convex. The
    projection keeps the `k` largest magnitudes; of equal ones, those of the first inputs. Exact.

    The initializer draws `k` inputs for each unit and on them a uniform direction with the norm of
    a Glorot draw.

    Args:
        k: How many weights of a unit may differ from zero.
        axis: As for `MaxNorm`.

    Raises:
        ValueError: `k` is no integer of at least 1.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.TopK(2).project([1.0, -3.0, 2.0, -2.0])))
    [ 0. -3.  2.  0.]
    """

    def __init__(self, k: int, axis: int | list[int] | None = None):
        self.k = _checks.count("TopK", "k", k)
        self.axis = _checks.axes("TopK", axis)

    def _group(self, size):
        return self.k, size

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_patterns.scattered(fan_in, self.k, None, wanted)

    def _phrase(self):
        return f"at most {self.k} weights of each unit not 0"


class Sparse(_Sparse):
    """No group of `m` consecutive inputs has more than `n` weights that differ from zero.

    The set is `{w : at most n entries of each group of m are not zero}`, with the groups along the
    last of the axes that feed a unit: `Sparse(2, 4)` is what sparse tensor cores compute. Not
    convex. The projection keeps the `n` largest magnitudes of each group; of equal ones, those of
    the first inputs. Exact.

    The initializer draws `n` inputs of each group for each unit and on them a uniform direction
    with the norm of a Glorot draw.

    Args:
        n: How many weights of a group may differ from zero.
        m: How many weights a group has.
        axis: As for `MaxNorm`.

    Raises:
        ValueError: `n` and `m` are no integers with `1 <= n < m`; at use, the axis does not divide
            into groups of `m`.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Sparse(1, 2).project([1.0, -3.0, 2.0, -2.0])))
    [ 0. -3.  2.  0.]

    Source: A. Mishra et al., "Accelerating sparse deep neural networks", 2021.
    """

    def __init__(self, n: int, m: int, axis: int | list[int] | None = None):
        self.m = _checks.count("Sparse", "m", m)
        self.n = _checks.count("Sparse", "n", n)
        if self.n >= self.m:
            raise _checks.fail("Sparse", "n", f"be below m={m}", n)
        self.axis = _checks.axes("Sparse", axis)

    def check_shape(self, shape):
        super().check_shape(shape)
        rank = len(shape)
        axis = max((a % rank for a in self._units(rank)), default=None)
        if axis is None or shape[axis] % self.m:
            size = 0 if axis is None else shape[axis]
            whole = [m for m in range(self.n + 1, size + 1) if size % m == 0]
            near = min(whole, key=lambda m: abs(m - self.m), default=None)
            raise ValueError(
                f"`Sparse` must cut axis {axis} of the weight into groups of {self.m}. "
                f"Received: shape={tuple(shape)}." + (f" Write m={near}." if near else "")
            )

    def _group(self, size):
        return self.n, self.m

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_patterns.scattered(fan_in, self.n, self.m, wanted)

    def _phrase(self):
        return f"at most {self.n} of each {self.m} consecutive weights of a unit not 0"


def is_sparse(constraint: Any) -> bool:
    """Whether the set speaks of how many weights differ from zero only."""
    return isinstance(constraint, _Sparse)
