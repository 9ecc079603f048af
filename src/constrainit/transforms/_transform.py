"""`Transform`: the contract that every smooth map onto a set keeps."""

import functools
import math
from typing import Any

import keras
import ml_dtypes
import numpy as np
from keras import ops

from constrainit import _checks
from constrainit._compile import exact_products, on_host
from constrainit._precision import STORAGE_DTYPES, numpy_dtype, wide_dtype


def with_value(x: Any, value: Any) -> Any:
    """`value`, with the gradient of `x`."""
    return ops.stop_gradient(value) + (x - ops.stop_gradient(x))


class Transform:
    """A smooth map onto a set: every finite free value goes to a member.

    An optimizer moves the free value `v`, and a layer sees the weight `forward(v)`. The free value
    has the dtype of the weight; half precision is computed in float32. What this class does once,
    for every map: conversion, the wide dtype, and the float64 of `right_inverse`.

    To write a map, subclass and define `_map` and `_inverse`; where the free value has another
    shape than the weight, also `reshapes` and `free_shape`, and `_member` in the place of `_map`.

    Args:
        set: The `ConstraintSet` that the map goes to.
    """

    linear = False
    """Whether `forward(c * v)` is `c * forward(v)`, so that weight decay on the free value is
    weight decay on the weight."""

    reshapes = False
    """Whether the free value has another shape than the weight: that of `free_shape`."""

    maskable = False
    """Whether `_map` takes `where`, so that `Masked` can hold the map."""

    rounds = ""
    """Why the gradient is not the slope of the map, in a few words, where the map rounds. Any
    weight is then a free value of the member nearest to it, and keeps what the rounding takes."""

    based = False
    """Whether training can go around a base: `base`, `around`, `strays` and `rebased`. A member is
    then a free value of its own."""

    def __init__(self, set: Any):
        self.set = set

    def free_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the free value of a weight of this shape."""
        return tuple(shape)

    def forward(self, v: Any, shape: tuple[int, ...] | None = None) -> Any:
        """The member that a free value stands for.

        Args:
            v: The free value: any finite tensor of `free_shape(shape)`.
            shape: The shape of the weight. None: that of `v`, unless the map `reshapes`.

        Returns:
            A tensor of this shape and of the dtype of `v`, a member as that dtype stores it.
            Differentiable, with a finite gradient.

        Raises:
            ValueError: The dtype is not a float, the set has no members of this shape, `v` has
                another shape than their free values, or `shape` is not given where it is needed.
        """
        v = self._tensor(v)
        shape = self._shape(v, shape)
        dtype = keras.backend.standardize_dtype(v.dtype)
        with exact_products():
            image = self._member(ops.cast(v, wide_dtype(dtype)), dtype, shape)
            return ops.cast(image, dtype)

    def right_inverse(self, w: Any) -> Any:
        """A free value that stands for a member: `forward(right_inverse(w))` is `w`.

        Computed on the host in float64. Up to the rounding of the dtype; a member that the map
        only comes near, as softplus comes near 0, is met to that rounding too.

        Args:
            w: A member, as an array, a tensor or a `keras.Variable`.

        Returns:
            A tensor of `free_shape` and of the dtype of `w`.
        """
        return self._of(w, self._inverse)

    def start(self, w: Any) -> Any:
        """A free value near that of a member, from which training can move every weight.

        A smooth map is flat near the bounds of its set, and a weight that begins there stays. As
        `right_inverse`, of the member drawn a little inside.
        """
        return self._of(w, lambda value, dtype: self._inverse(self._inside(value, dtype), dtype))

    # Around a base, where the set is curved and a map from all of it is dear

    def base(self, w: Any, v: Any) -> Any:
        """The base that makes a free value `v` stand for a member `w`, in the dtype of arithmetic.

        Args:
            w: A member.
            v: Any free value, of the shape and dtype of `w`.

        Returns:
            A tensor of shape `(2, *shape)`: the member, and the free value that stands for it.
        """
        wide = wide_dtype(keras.backend.standardize_dtype(w.dtype))
        # A member in half precision is one to its rounding only, which all after it would keep.
        with exact_products():
            return ops.stack([self._landed(ops.cast(w, wide)), ops.cast(v, wide)])

    def around(self, v: Any, base: Any) -> Any:
        """The member that a free value stands for, seen from a base; else as `forward`."""
        v, base = self._tensor(v), ops.convert_to_tensor(base)
        dtype = keras.backend.standardize_dtype(v.dtype)
        with exact_products():
            return ops.cast(self._around(ops.cast(v, base.dtype), dtype, base[0], base[1]), dtype)

    def strays(self, v: Any, base: Any) -> Any:
        """Whether a free value is so far from a base that it needs a new one: a scalar boolean."""
        return self._strays(ops.cast(v, base.dtype), base[1])

    def rebased(self, v: Any, base: Any) -> Any:
        """The base at the member that a free value stands for now."""
        dtype = keras.backend.standardize_dtype(v.dtype)
        v = ops.cast(v, base.dtype)
        with exact_products():
            member = self._around(v, dtype, base[0], base[1])
            return ops.stack([self._landed(member), v])

    # What a map defines

    def _map(self, v: Any, dtype: str) -> Any:
        """The member, from a free value in the wide dtype; `dtype` is that of the storage.

        What it gives has to be a member after rounding to the storage dtype.
        """
        raise TypeError(f"`{type(self).__name__}` must define `_map(v, dtype)`.")

    def _member(self, v: Any, dtype: str, shape: tuple[int, ...]) -> Any:
        """As `_map`, told the shape of the weight."""
        return self._map(v, dtype)

    def _inverse(self, w: np.ndarray, dtype: str) -> np.ndarray:
        """The free value of a member, both in float64."""
        raise TypeError(f"`{type(self).__name__}` must define `_inverse(w, dtype)`.")

    def _inside(self, w: np.ndarray, dtype: str) -> np.ndarray:
        """A member near `w` at which the map is not flat."""
        return w

    def _around(self, v: Any, dtype: str, base: Any, origin: Any) -> Any:
        """The member at `v`, from a base that is the member at `origin`, all in the wide dtype."""
        return self._map(v, dtype)

    def _strays(self, v: Any, origin: Any) -> Any:
        """Whether `v` is far from `origin`."""
        return ops.convert_to_tensor(False)

    def _landed(self, w: Any) -> Any:
        """A weight that is a member but for rounding, nearer to the set."""
        return w

    # Scales

    def deviation(self, shape: tuple[int, ...]) -> float:
        """The standard deviation that a Glorot kernel of this shape would have.

        The temperature of most maps: a step of Adam then moves a weight by the same share of its
        size as it moves a free kernel.
        """
        return _deviation(self.set, tuple(shape))

    def size(self, shape: tuple[int, ...]) -> float:
        """The root mean square of an initial weight, `deviation` where no law tells it."""
        return _size(self.set, tuple(shape))

    def _tensor(self, v):
        try:
            v = ops.convert_to_tensor(v)
        except (TypeError, ValueError) as fault:
            raise _checks.fail(
                type(self.set).__name__, "v", "be an array, a tensor or a keras.Variable", v
            ) from fault
        dtype = keras.backend.standardize_dtype(v.dtype)
        if dtype not in STORAGE_DTYPES:
            raise ValueError(
                f"`v` of the transform of `{type(self.set).__name__}` must be of a float dtype "
                f"({', '.join(STORAGE_DTYPES)}). Received: dtype={dtype}."
            )
        return v

    def _shape(self, v, shape):
        """The shape of the weight, which the free value fits."""
        if shape is None and self.reshapes:
            raise ValueError(
                f"`shape` of the transform of `{type(self.set).__name__}` must be that of the "
                f"weight: a free value has another one. Received: shape=None for a free value of "
                f"shape {tuple(v.shape)}. Write forward(v, shape)."
            )
        shape = tuple(v.shape) if shape is None else tuple(shape)
        self.set.check_shape(shape)
        if tuple(v.shape) != self.free_shape(shape):
            raise ValueError(
                f"`v` of the transform of `{type(self.set).__name__}` must be of shape "
                f"{self.free_shape(shape)} for a weight of shape {shape}. Received: a free value "
                f"of shape {tuple(v.shape)}."
            )
        return shape

    def _of(self, w, inverse):
        """The free value that `inverse(array, dtype)` finds, stored as the weight is."""
        w = self.set._tensor(w)
        dtype = keras.backend.standardize_dtype(w.dtype)

        def on_arrays(value):
            found, limit = inverse(np.asarray(value, "float64"), dtype), ml_dtypes.finfo(dtype).max
            return np.clip(found, -float(limit), float(limit)).astype(numpy_dtype(dtype))

        return on_host(on_arrays, w, self.free_shape(tuple(w.shape)))

    def __repr__(self) -> str:
        return f"{self.set!r}.transform"


@functools.lru_cache(maxsize=256)
def _deviation(a_set, shape):
    _, height = a_set._rows_of(shape, None)
    return a_set._as_glorot(shape, None).gain / math.sqrt(max(height, 1))


@functools.lru_cache(maxsize=256)
def _size(a_set, shape):
    law = a_set._law_of(shape, None, a_set._as_glorot(shape, None))
    if law is None or law.norm == 0:
        return _deviation(a_set, shape)
    return law.norm / math.sqrt(law.fan_in)
