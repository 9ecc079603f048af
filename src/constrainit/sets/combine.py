"""One set applied in another way: to the part of a weight under a mask, or by another rule."""

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._set import ConstraintSet
from constrainit.sets.keras_builtin import set_of
from constrainit.transforms import UnderMask


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
    def is_cone(self) -> bool:
        """As the inner set."""
        return self.set.is_cone

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.traceable

    @property
    def to_the_bit(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.to_the_bit

    @property
    def may_lack(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.may_lack

    @property
    def no_map(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set."""
        return self.set.no_map

    def _units(self, rank):
        return self.set._units(rank)

    def _fed(self, rank):
        return self.set._fed(rank)


class _Applied(_Wrapping):
    """Another set, which differs from it as a constraint only: in `__call__`."""

    maskable = False
    outermost = False
    """Whether it has to be called with the variable itself, and so can not be inside of another."""

    def check_shape(self, shape):
        self.set.check_shape(shape)

    @property
    def paced(self):
        """Whether the set in this one may leave a weight outside."""
        return self.set.paced

    def _nearest(self, w, dtype, where=None):
        return self.set._nearest(w, dtype, where)

    def _holds(self, w, image, dtype):
        return self.set._holds(w, image, dtype)

    def _usable(self, w):
        return self.set._usable(w)

    def _lacking(self, w):
        return self.set._lacking(w)

    def _outside(self, w, image):
        return self.set._outside(w, image)

    def _distance(self, moved):
        return self.set._distance(moved)

    def _transform(self):
        return self.set.transform

    def _law_of(self, shape, axes, wanted, where=None):
        return self.set._law_of(shape, axes, wanted, where)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        return self.set._draw(shape, dtype, seed, wanted, axes, where)


def agreed(axes: Iterable[Any]) -> Any:
    """The axis, or axes, that all have who have one, or None."""
    known = [axis for axis in axes if axis is not None]
    alike = {(axis,) if isinstance(axis, int) else tuple(axis) for axis in known}
    return known[0] if len(alike) == 1 else None


def applied_set(owner: str, x: Any) -> ConstraintSet:
    """`as_set(x)` for a set that another one applies in its own way.

    Raises:
        ValueError: `x` is no set, or one that must be the outermost.
    """
    a_set = set_of(owner, "set", x)
    if getattr(a_set, "outermost", False):
        kind = type(a_set).__name__
        must = f"be a set other than `{kind}`, which must see the weight's variable"
        instead = "" if owner in (kind, "Joint") else f"Put `{kind}` around `{owner}`."
        raise _checks.fail(owner, "set", must, x, instead)
    return a_set


def inner_set(owner: str, name: str, x: Any) -> ConstraintSet:
    """`as_set(x)` for a set that is projected onto as a part of another.

    Raises:
        ValueError: `x` is no set, or one whose constraint does more than project, which would be
            lost inside of another set.
    """
    a_set = set_of(owner, name, x)
    if type(a_set).__call__ is not ConstraintSet.__call__:
        kind = type(a_set).__name__
        raise _checks.fail(
            owner, name, "be a set that is only projected onto", x,
            f"Put `{kind}` around `{owner}`.",
        )  # fmt: skip
    return a_set


class Masked(_Wrapping):
    """Only the entries in the mask are used: they obey a set, and the others are zero.

    The set is `{w : w = 0 outside the mask, w in set}`; for sets of bounds the set holds inside
    the mask only. Exact: norms, sums and bounds are taken over the entries in the mask. A
    unit with no entry in the mask is zero, also where no member of the set is.

    The initializer draws from the inner set and scales each unit up for the inputs it lost, so
    that its variance is that of the full unit where the set leaves the scale free.

    Args:
        set: The set that the entries in the mask obey; anything that `as_set` takes.
        mask: Array or nested list of booleans (or 0 and 1) that broadcasts to the weight.

    Raises:
        ValueError: `mask` holds other values or keeps no entry, or the set has no projection under
            a mask.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Masked(ci.SumTo(1.0), [1, 0, 1]).project([1.0, 5.0, 2.0])))
    [0. 0. 1.]
    """

    maskable = False

    def __init__(self, set: Any, mask: Any):
        self.set = inner_set("Masked", "set", set)
        if not self.set.maskable:
            raise _checks.fail(
                "Masked", "set", "have a projection under a mask", set,
                "Bounds, norms, sums and Symmetric() have one.",
            )  # fmt: skip
        self.mask = _checks.mask("Masked", mask)
        if not np.any(self.mask):
            raise ValueError(
                "`mask` of `Masked` must keep at least one entry. Received: a mask of shape "
                f"{np.shape(self.mask)} that is False everywhere. For a weight that stays zero "
                "write Fixed(1, 0.0); a mask of what is left out is turned around by "
                "np.logical_not(mask)."
            )

    @property
    def no_map(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the inner set, whose map may be for whole weights only."""
        whole = self.set.transform is not None and self.transform is None
        return "that of the inner set takes no mask" if whole else self.set.no_map

    def check_shape(self, shape):
        self.set.check_shape(shape)
        _checks.broadcasts("Masked", "mask", self._array, shape)

    @functools.cached_property
    def _array(self):
        # A tensor is made of a nested list number by number: seconds for each step.
        return np.asarray(self.mask, "bool")

    def _where(self, w):
        return ops.broadcast_to(ops.convert_to_tensor(self._array), w.shape)

    def _nearest(self, w, dtype, where=None):
        where = self._where(w)
        inner = self.set._nearest(ops.where(where, w, ops.zeros_like(w)), dtype, where)
        return ops.where(where, inner, ops.zeros_like(w))

    def _holds(self, w, image, dtype):
        where = self._where(w)
        inner = self.set._holds(ops.where(where, w, ops.zeros_like(w)), image, dtype)
        return ops.where(where, ops.broadcast_to(inner, w.shape), ops.equal(w, 0))

    def _outside(self, w, image):
        return ops.where(self._where(w), self.set._outside(w, image), super()._outside(w, image))

    def _usable(self, w):
        return self.set._usable(w)

    def _transform(self):
        inner = self.set.transform
        return UnderMask(self) if inner is not None and inner.maskable else None

    def _law_of(self, shape, axes, wanted, where=None):
        mask = np.broadcast_to(self._array, shape)
        return self.set._law_of(shape, axes, wanted, mask)

    def _draw(self, shape, dtype, seed, wanted=None, axes=None, where=None):
        where = np.broadcast_to(self._array, shape)
        return self.set._draw(shape, dtype, seed, wanted, axes, where)

    def _phrase(self):
        share = float(np.mean(self.mask))
        return f"zero outside a mask of {share:.0%} of the entries, inside: {self.set.describe()}"
