"""Weights in numbers, a block at a time.

Copies of a large weight, in float64 and for each step of a formula, cost more time than the
formula, and memory that the model needs. What is computed here is computed on blocks that stay in
a processor's cache.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_ENTRIES = 1 << 15
"""How many entries a block has, if a row of the weight has fewer."""

_PRODUCT = 1 << 13
"""How many entries are multiplied at once: OpenBLAS shares more than ten thousand out to threads,
which wait for those of PyTorch and of XLA."""


def blocks(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Arrays of one shape in float64, a few rows of each at a time."""
    rows = [array.reshape(1) if array.ndim == 0 else array for array in arrays]
    count, size = rows[0].shape[0], rows[0].size
    at_once = max(1, _ENTRIES * count // max(size, 1))
    for at in range(0, count if size else 0, at_once):
        yield [array[at : at + at_once].astype("float64") for array in rows]


@dataclass(frozen=True)
class Range:
    """The finite entries of an array.

    Attributes:
        low: The least; NaN if there is none.
        high: The largest; NaN if there is none.
        norm: The Euclidean norm; NaN if there is none.
        lost: How many entries are not finite.
    """

    low: float
    high: float
    norm: float
    lost: int


def range_of(value: np.ndarray) -> Range:
    """The range and norm of an array."""
    low, high, square, lost = np.inf, -np.inf, 0.0, 0
    for (block,) in blocks(value):
        flat = block.reshape(-1)
        with np.errstate(invalid="ignore", over="ignore"):
            product = _dot(flat)
        if not np.isfinite(product):
            finite = flat[np.isfinite(flat)]
            lost += flat.size - finite.size
            with np.errstate(over="ignore"):
                flat, product = finite, _dot(finite)
        square += product
        low, high = min(low, flat.min(initial=np.inf)), max(high, flat.max(initial=-np.inf))
    if lost == value.size:
        return Range(np.nan, np.nan, np.nan, lost)
    return Range(float(low), float(high), square**0.5, lost)


def size_of(value: np.ndarray) -> tuple[float, int]:
    """The norm of the finite entries, and how many others there are."""
    square, lost = 0.0, 0
    with np.errstate(invalid="ignore", over="ignore"):
        for (block,) in blocks(value):
            product = _dot(block)
            if not np.isfinite(product):
                finite = block[np.isfinite(block)]
                lost += block.size - finite.size
                product = _dot(finite)
            square += product
    return square**0.5, lost


def move_of(value: np.ndarray, updated: np.ndarray) -> tuple[float, int]:
    """How far a weight moves, NaN if not finite, and how many entries are not finite then."""
    square, lost = 0.0, 0
    with np.errstate(invalid="ignore", over="ignore"):
        for old, new in blocks(value, updated):
            product = _dot(new - old)
            if not np.isfinite(product):
                lost += int(np.sum(~np.isfinite(new)))
            square += product
    return square**0.5 if np.isfinite(square) else np.nan, lost


@dataclass(frozen=True)
class Change:
    """What two arrays of one shape differ by.

    Attributes:
        distance: Euclidean distance relative to the norm of the first (to one if that is zero);
            NaN if one of them is not finite.
        largest: The largest change of an entry; NaN if one of them is not finite.
        share: The share of the entries that change by more than a hundred thousandth of the
            largest of the first.
        zeros: The share of zeros in each.
        norms: The norms of the units of each.
        factors: The range of the factors between units before and after, if they keep their
            direction; else None.
    """

    distance: float
    largest: float
    share: float
    zeros: tuple[float, float]
    norms: tuple[np.ndarray, np.ndarray]
    factors: tuple[float, float] | None


def change(before: np.ndarray, after: np.ndarray, axes: tuple[int, ...]) -> Change:
    """How `after` differs from `before`, whose units lie along `axes`."""
    least, squares, largest, moved = 1e-5 * peak(before), np.zeros(2), 0.0, 0
    zeros, units = np.zeros(2, int), _Units(axes, 3)
    with np.errstate(invalid="ignore", over="ignore"):
        for old, new in blocks(before, after):
            step = np.abs(new - old).reshape(-1)
            squares += _dot(step), _dot(old)
            largest = np.maximum(largest, step.max(initial=0.0))
            moved += step.size - np.count_nonzero(step <= least)
            zeros += [part.size - np.count_nonzero(part) for part in (old, new)]
            units.add(old * old, new * new, old * new)
        total, size = np.sqrt(squares)
        distance = total / (size if size > 0 else 1.0) if np.isfinite(largest) else np.nan
        old, new, products = units.sums()
    norms = np.sqrt(old), np.sqrt(new)
    count = max(before.size, 1)
    return Change(
        float(distance),
        float(largest) if np.isfinite(largest) else np.nan,
        moved / count,
        (float(zeros[0] / count), float(zeros[1] / count)),
        norms,
        _factors(*norms, products) if np.isfinite(largest) else None,
    )


_SOME = 0.25
_SEVERAL = 16
"""What tells of a half: a quarter to three quarters, of so many entries at least."""

_OTHER = 0.5
"""Of a bound on both sides: at the other end are this many times as many, or more."""


def piled(before: np.ndarray, after: np.ndarray) -> tuple[float, float] | None:
    """The share of the entries that lay beyond the least of `after` and are put there, and it.

    Or the same at the largest, if these are more. None if they are not about half of all, or if
    the other end has as many.
    """
    if before.size < _SEVERAL:
        return None
    found = range_of(after)
    counts = np.zeros(2, int)
    with np.errstate(invalid="ignore"):
        for old, new in blocks(before, after):
            counts += (
                np.count_nonzero((new == found.low) & (old < new)),
                np.count_nonzero((new == found.high) & (old > new)),
            )
    share = float(counts.max()) / before.size
    end = found.low if counts[0] >= counts[1] else found.high
    one_sided = counts.min() < _OTHER * counts.max()
    return (share, end) if one_sided and _SOME <= share <= 1 - _SOME else None


def _factors(before, after, products):
    """The range of the factors of the norms of units; None if a unit turns or is zero."""
    if not (before > 0).all() or not (after > 0).all():
        return None
    found = after / before
    turned = (products / (before * after)).min() <= 0.999
    return None if turned else (float(found.min()), float(found.max()))


def distance(one: Any, other: Any, relative_to: Any = None) -> float:
    """Euclidean distance relative to the norm of the second, or of another array, to one if zero.

    NaN if one of them is not finite.
    """
    squares, scale = np.zeros(2), other if relative_to is None else relative_to
    with np.errstate(invalid="ignore", over="ignore"):
        for a, b, size in blocks(one, other, scale):
            squares += _dot(a - b), _dot(size)
    total, size = np.sqrt(squares)
    return float(total / (size if size > 0 else 1.0)) if np.isfinite(total) else float("nan")


def length(value: np.ndarray) -> float:
    """The Euclidean norm of a small array, also where squares of its entries overflow.

    Infinite or NaN where an entry is.
    """
    largest = float(np.abs(value).max(initial=0.0))
    if not 0 < largest < math.inf:
        return largest
    return largest * float(np.linalg.norm(value / largest))


def moments(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the variance of each column of a matrix."""
    parts = np.array_split(batch, min(len(batch), batch.size // _ENTRIES + 1))
    sums, squares = np.zeros(batch.shape[1]), np.zeros(batch.shape[1])
    for part in parts:
        sums += part.sum(axis=0)
    means = (sums / len(batch)).astype(batch.dtype)
    for part in parts:
        centred = part - means
        squares += np.square(centred, out=centred).sum(axis=0)
    return means, squares / len(batch)


def peak(value: np.ndarray) -> float:
    """The largest magnitude of an entry, NaN if one is."""
    found = 0.0
    for (block,) in blocks(value):
        found = np.maximum(found, np.maximum(block.max(), -block.min()))
    return float(found)


class _Units:
    """Sums along the axes of units, over blocks of the first axis."""

    def __init__(self, axes, count):
        self.axes, self.parts = axes, [[] for _ in range(count)]

    def add(self, *values):
        for part, value in zip(self.parts, values, strict=True):
            found = value.sum(axis=self.axes)
            if part and 0 in self.axes:
                part[0] = part[0] + found
            else:
                part.append(found)

    def sums(self):
        return [part[0] if 0 in self.axes else np.concatenate(part) for part in self.parts]


def _dot(block):
    flat = block.reshape(-1)
    parts = (flat[at : at + _PRODUCT] for at in range(0, flat.size, _PRODUCT))
    return float(sum(part @ part for part in parts))
