"""A constraint that divides the units of a weight by their sums."""

import numpy as np

_ALIKE = 1e-3


def divided_by_sums(value: np.ndarray, image: np.ndarray) -> tuple[float, float] | None:
    """How small a sum is that a constraint divides by, and the largest factor that it gives.

    The sum is relative to that of the magnitudes. None if it is no such constraint, if each unit
    has entries of one sign only, or if there is only one unit, of which nothing can be said.
    """
    value, image = np.asarray(value, "float64"), np.asarray(image, "float64")
    if not (np.isfinite(value).all() and np.isfinite(image).all()):
        return None
    for axis in range(value.ndim if value.ndim > 1 else 0):
        sums = value.sum(axis=axis, keepdims=True)
        mixed = (value.min(axis=axis) < 0) & (value.max(axis=axis) > 0)
        known = mixed.any() and sums.size > 1 and np.ptp(sums) > 0
        if known and is_quotient(value, image, sums):
            least = np.abs(sums) / np.abs(value).sum(axis=axis, keepdims=True)
            factor = np.abs(image).max() / np.abs(value).max()
            return float(least.min()), float(factor)
    return None


def is_quotient(value, image, sums):
    """Whether image = constant * value / sums, with a constant that is not zero."""
    found, scale = image * sums, np.abs(value).max()
    constant = float((found * value).sum() / (value * value).sum())
    return constant != 0 and np.abs(found - constant * value).max() <= _ALIKE * scale * abs(
        constant
    )
