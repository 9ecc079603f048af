"""What each storage dtype can hold, and how close to a set counts as inside it.

The only definition of the membership tolerance. A unit of weights (an entry, a column, a
matrix: whatever the set speaks of) is inside when its Euclidean distance from the set is at most

    tolerance(dtype) * (norm of the unit + sqrt(entries) * smallest normal number of the dtype)

`tolerance(dtype)` is the rounding of the storage dtype plus sixteen roundings of the dtype that
the arithmetic runs in, which covers the reductions of all three backends:

| storage  | arithmetic | tolerance |
|----------|------------|-----------|
| float64  | float64    | 3.7e-15   |
| float32  | float32    | 2.0e-6    |
| float16  | float32    | 4.9e-4    |
| bfloat16 | float32    | 3.9e-3    |

Sets of bounds (`Box` and its kin) need no tolerance: see `inward` and `nearest`.
"""

import functools
import math

import keras
import ml_dtypes
import numpy as np
from keras import ops

STORAGE_DTYPES = ("float16", "bfloat16", "float32", "float64")


def dtype_of(x) -> str:
    """The Keras name of the dtype of a tensor."""
    return _name(x.dtype)


# Asked several times at each step, where Keras takes the name apart each time.
_name = functools.cache(keras.backend.standardize_dtype)


def as_dtype(x, dtype: str):
    """A tensor in a dtype; as it is where it has that already, which Keras takes long to see."""
    return x if dtype_of(x) == dtype else ops.cast(x, dtype)


def widened(x):
    """A tensor in the dtype that arithmetic on it runs in."""
    return as_dtype(x, wide_dtype(dtype_of(x)))


def numpy_dtype(dtype: str) -> np.dtype:
    """The NumPy dtype of a Keras dtype name, bfloat16 included."""
    return np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)


def wide_dtype(dtype: str) -> str:
    """The dtype that arithmetic on weights stored as `dtype` runs in."""
    return "float64" if dtype == "float64" else "float32"


def stored_dtype(dtype: str) -> str:
    """The dtype that the backend holds `dtype` in: JAX has float64 only where it is let."""
    if keras.backend.backend() != "jax":
        return dtype
    import jax

    return keras.backend.standardize_dtype(jax.dtypes.canonicalize_dtype(dtype))


@functools.cache
def tolerance(dtype: str) -> float:
    """Relative distance from a set within which weights stored as `dtype` count as inside."""
    storage, wide = ml_dtypes.finfo(dtype), ml_dtypes.finfo(wide_dtype(dtype))
    return float(storage.eps) / 2 + 16 * float(wide.eps)


@functools.cache
def smallest_normal(dtype: str) -> float:
    """The smallest number that `dtype` holds with full precision."""
    return float(ml_dtypes.finfo(dtype).smallest_normal)


@functools.cache
def nearest(bound: float, dtype: str) -> float:
    """`bound` as `dtype` would store it, but neither as an infinity nor, unless it is one, zero."""
    storage, wide = ml_dtypes.finfo(dtype), ml_dtypes.finfo(wide_dtype(dtype))
    smallest = max(float(storage.smallest_subnormal), float(wide.smallest_normal))
    size = min(max(abs(bound), smallest), float(storage.max)) if bound else 0.0
    return float(np.asarray(math.copysign(size, bound)).astype(numpy_dtype(dtype)))


@functools.cache
def inward(bound: float, dtype: str, side: int) -> float:
    """The number of `dtype` closest to `bound` that is not beyond it.

    Args:
        bound: A bound, exact in float64.
        dtype: Storage dtype.
        side: +1 for a lower bound (rounds up), -1 for an upper bound (rounds down).
    """
    stored = numpy_dtype(dtype).type(nearest(bound, dtype))
    if float(stored) * side < bound * side:
        with np.errstate(over="ignore"):
            stored = np.nextafter(stored, numpy_dtype(dtype).type(side * np.inf))
    return float(stored)


def stored(values, dtype: str) -> np.ndarray:
    """As `nearest`, of each number of an array: what `dtype` stores, in float64."""
    storage, wide = ml_dtypes.finfo(dtype), ml_dtypes.finfo(wide_dtype(dtype))
    smallest = max(float(storage.smallest_subnormal), float(wide.smallest_normal))
    size = np.clip(np.abs(values), smallest, float(storage.max))
    size = np.where(np.equal(values, 0), 0.0, size)
    return np.copysign(size, values).astype(numpy_dtype(dtype)).astype("float64")


def inward_each(bounds: np.ndarray, dtype: str, side: int) -> np.ndarray:
    """As `inward`, of each number of an array, in float64; an infinite one stays."""
    kind = numpy_dtype(dtype)
    near = stored(bounds, dtype).astype(kind)
    with np.errstate(over="ignore"):
        beside = np.nextafter(near, kind.type(side * np.inf)).astype("float64")
    near = near.astype("float64")
    near = np.where(near * side < bounds * side, beside, near)
    return np.where(np.isinf(bounds), bounds, near)
