"""A constraint that divides the units of a weight by their sums."""

import itertools

import numpy as np

from constrainit.doctor._evidence import SumEvidence

_ALIKE = 1e-3
NEAR = 0.1
"""A sum of less than this share of that of the magnitudes is near zero."""

_MOST = 1 << 20
"""Weights of more entries are not looked at along several axes at once."""


def divided_by_sums(value: np.ndarray, image: np.ndarray) -> SumEvidence | None:
    """How small a sum is that a constraint divides by, and the largest factor that it gives.

    Entries may be left out that it sets itself, as the centre of a filter that predicts it. None if
    it is no such constraint, or if all sums are those of magnitudes. Of a single unit it can be
    said only where its entries then add up to one, and its sum is near zero or below.
    """
    value, image = np.asarray(value, "float64"), np.asarray(image, "float64")
    if not (np.isfinite(value).all() and np.isfinite(image).all()):
        return None
    for axes in _along(value):
        found = _divided(value, image, axes)
        if found is None and value.size <= _MOST:
            own = _set_alike(image, axes)
            if own.any() and not own.all():
                found = _divided(np.where(own, 0, value), np.where(own, 0, image), axes, True)
        if found is not None:
            return found
    return _of_one_unit(value, image)


def _of_one_unit(value, image):
    """A single unit divided by its sum, which is one then, where that is near zero or below."""
    total, size = value.sum(), np.abs(value).sum()
    if not 0 != total < NEAR * size or abs(image.sum() - 1) > _ALIKE:
        return None
    # What is shifted to another sum is no quotient.
    if not is_quotient(value, image, total) or (image * value).sum() * total < 0:
        return None
    factor = np.abs(image).max() / np.abs(value).max()
    return SumEvidence(float(abs(total) / size), float(factor), False, int(total < 0), 1)


def _along(value):
    """The axes that a sum may be over: each by itself, then several, but not all."""
    most = value.ndim - 1 if value.size <= _MOST else min(value.ndim - 1, 1)
    return [
        axes
        for count in range(1, most + 1)
        for axes in itertools.combinations(range(value.ndim), count)
    ]


def _set_alike(image, axes):
    """Where the image is the same in all units, of which there are several."""
    others = tuple(axis for axis in range(image.ndim) if axis not in axes)
    alike = np.ptp(image, axis=others, keepdims=True) == 0
    several = np.prod([image.shape[axis] for axis in others]) > 1
    return np.broadcast_to(alike & several, image.shape)


def _divided(value, image, axes, sets=False):
    sums = value.sum(axis=axes, keepdims=True)
    known = value.min() < 0 and sums.size > 1 and np.ptp(sums) > 0
    if not known or not is_quotient(value, image, sums):
        return None
    least = np.abs(sums) / np.abs(value).sum(axis=axes, keepdims=True)
    factor = np.abs(image).max() / np.abs(value).max()
    turned = int(np.sum(sums < 0)) if (image.sum(axis=axes) > 0).all() else 0
    return SumEvidence(float(least.min()), float(factor), sets, turned, sums.size)


def is_quotient(value, image, sums):
    """Whether image = constant * value / sums, with a constant that is not zero."""
    found, scale = image * sums, np.abs(value).max()
    constant = float((found * value).sum() / (value * value).sum())
    return constant != 0 and np.abs(found - constant * value).max() <= _ALIKE * scale * abs(
        constant
    )
