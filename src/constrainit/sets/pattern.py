"""Sets of entries with a pattern: given signs and given values."""

import functools
from typing import Any

import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._folding import Folding
from constrainit._precision import stored
from constrainit._set import ConstraintSet
from constrainit.initializers import laws_of_bounds, laws_of_patterns
from constrainit.sets.elementwise import Box, NonNegative
from constrainit.transforms import Linear, Signs


class _Entries(ConstraintSet):
    """Each entry on its own, as a pattern says."""

    def _usable(self, w):
        return ops.logical_not(ops.isnan(w))

    def _holds(self, w, image, dtype):
        return ops.equal(w, image)

    def _units(self, rank):
        return ()


class Sign(_Entries):
    """Every weight has the sign that a pattern gives it, or is zero.

    The set is `{w : w * pattern >= 0}` entry by entry: `+1` asks for `w >= 0`, `-1` for `w <= 0`,
    and `0` leaves the sign free. The projection puts zero in the place of a wrong sign, exact.

    A flat list holds one sign for each input of a kernel `(inputs, units)`, in the order of its
    rows, as for inputs known to raise or to lower the output; for a weight of one axis it holds
    one sign for each entry. Patterns of more axes broadcast as in NumPy: `[[1, -1]]` is one sign
    for each of two units.

    The initializer gives each unit the norm of a Glorot draw. Where a unit may have both signs,
    its weights sum to zero, so that what all inputs have in common neither grows nor fades. A
    pattern of one sign alone draws as `NonNegative` does.

    Args:
        pattern: A number, list or array of +1, -1 and 0.

    Raises:
        ValueError: `pattern` holds other values; at use, it does not fit the weight, or it is flat
            and the weight has more than two axes.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> w = [[1.0, -2.0], [3.0, -4.0], [5.0, -6.0]]
    >>> print(np.asarray(ci.Sign([1, -1, 0]).project(w)))
    [[ 1.  0.]
     [ 0. -4.]
     [ 5. -6.]]
    """

    def __init__(self, pattern: Any):
        must = "hold +1, -1 and 0 only, in lists of one length"
        array = _checks.among("Sign", "pattern", pattern, (-1, 0, 1), must)
        self.pattern = array.astype(int).tolist()

    def check_shape(self, shape):
        own = np.shape(self.pattern)
        if len(own) == 1 and len(shape) > 2:
            raise ValueError(
                "A flat `pattern` of `Sign` must be for a weight of one or two axes, as it does "
                f"not say which axis of {tuple(shape)} it runs along. Give it the other axes with "
                "size 1, as in np.reshape(pattern, (1, 1, -1, 1)) for the inputs of a convolution."
            )
        if not _checks.fits(self._array(len(shape)).shape, shape):
            hint = "For one sign for each unit write [pattern]." if len(own) == 1 else ""
            raise ValueError(
                "`pattern` of `Sign` must have one sign for each input, or broadcast to the weight."
                f" Received: a pattern of shape {own} for a weight of shape {tuple(shape)}. {hint}"
                .rstrip()
            )  # fmt: skip

    @functools.cached_property
    def _pattern(self):
        return np.asarray(self.pattern, "int8")

    def _array(self, rank):
        array = self._pattern
        return array[:, None] if array.ndim == 1 and rank == 2 else array

    def _nearest(self, w, dtype, where=None):
        signs = ops.convert_to_tensor(self._array(len(w.shape)), dtype=w.dtype)
        image = ops.where(signs * w < 0, ops.zeros_like(w), w)
        return image if where is None else ops.where(where, image, ops.zeros_like(w))

    def _transform(self):
        return Signs(self)

    def _law(self, fan_in, fan_out, wanted):
        return laws_of_bounds.bounded(0.0, None, fan_in, wanted)

    def _law_of(self, shape, axes, wanted, where=None):
        signs = np.broadcast_to(self._array(len(shape)), shape)
        inside = signs if where is None else signs[where]
        for sign, alone in ((1, NonNegative()), (-1, Box(upper=0.0))):
            if (inside == sign).all():
                return alone._law_of(shape, axes, wanted, where)
        folding = Folding(shape, self._rows_of(shape, axes)[0])
        used = folding.array(True if where is None else where)
        return laws_of_patterns.signed(folding.array(signs), used, wanted)

    def _phrase(self):
        array = np.asarray(self.pattern)
        shares = [f"{np.mean(array == s):.0%} {word}" for s, word in _WORDS if (array == s).any()]
        return f"signs by a pattern: {', '.join(shares)}"


_WORDS = ((1, "at least 0"), (-1, "at most 0"), (0, "free"))


class Fixed(_Entries):
    """The entries in a mask hold given values, the others are free.

    The set is `{w : w = values in the mask}`. The projection writes the values, as the storage
    dtype holds them, and leaves the rest alone; exact, bit for bit.

    The initializer draws the free weights so that each unit has the norm of a Glorot draw with the
    fixed ones counted, and never less than their share of it.

    Args:
        mask: Array or nested list of booleans (or 0 and 1) that broadcasts to the weight.
        values: What the entries in the mask hold: a number, or an array that broadcasts to the
            weight.

    Raises:
        ValueError: `mask` holds other values, or `values` are not finite; at use, either does not
            broadcast to the weight.

    >>> import numpy as np
    >>> import constrainit as ci
    >>> print(np.asarray(ci.Fixed([1, 0, 1], 0.5).project([3.0, 4.0, 5.0])))
    [0.5 4.  0.5]
    """

    def __init__(self, mask: Any, values: Any = 0.0):
        self.mask = _checks.mask("Fixed", mask)
        try:
            numbers = np.asarray(values)
        except ValueError:
            numbers = np.asarray(None)
        if numbers.size == 0 or numbers.dtype.kind not in "fiu" or not np.isfinite(numbers).all():
            raise _checks.fail("Fixed", "values", "be finite numbers", values)
        self.values = numbers.astype("float64").tolist()

    @property
    def scale_free(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Only where the values are zero."""
        return not np.any(self.values)

    def check_shape(self, shape):
        mask, values = self._arrays
        _checks.broadcasts("Fixed", "mask", mask, shape)
        _checks.broadcasts("Fixed", "values", values, shape)

    @functools.cached_property
    def _arrays(self):
        return np.asarray(self.mask, "bool"), np.asarray(self.values, "float64")

    def _nearest(self, w, dtype, where=None):
        mask, values = self._arrays
        held = ops.convert_to_tensor(mask)
        values = ops.convert_to_tensor(stored(values, dtype), dtype=w.dtype)
        image = ops.where(held, ops.broadcast_to(values, w.shape), w)
        return image if where is None else ops.where(where, image, ops.zeros_like(w))

    def _transform(self):
        return Linear(self, linear=not np.any(self.values))

    def _law_of(self, shape, axes, wanted, where=None):
        folding = Folding(shape, self._rows_of(shape, axes)[0])
        used = folding.array(True if where is None else where)
        held = folding.array(self.mask)
        return laws_of_patterns.fixed(folding.array(self.values), held & used, used & ~held, wanted)

    def _phrase(self):
        return f"given values in a mask of {np.mean(self.mask):.0%} of the entries"
