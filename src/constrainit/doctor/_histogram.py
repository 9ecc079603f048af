"""How the entries of a weight are spread."""

import numpy as np

BINS = 24
_MOST = 1 << 17
"""Of a larger weight every n-th entry is counted: a look is taken of every treatment, too."""


def histogram(value: np.ndarray, low: float, high: float) -> tuple[int, ...]:
    """The finite entries of `value` in equal bins between `low` and `high`, of a sample if large.

    Args:
        value: The weight.
        low: Its least finite entry.
        high: Its largest.
    """
    flat = value.reshape(-1)
    # A stride that is odd does not stay in one column of the weights that layers have.
    sample = flat[:: (flat.size - 1) // _MOST | 1] if flat.size > _MOST else flat
    finite = sample[np.isfinite(sample)].astype("float64")
    # Halves, because the range of float64 may not fit into float64.
    width = high / 2 - low / 2
    places = np.zeros(finite.size, int)
    if width > 0:
        places = np.minimum((finite / 2 - low / 2) / width * BINS, BINS - 1).astype(int)
    return tuple(map(int, np.bincount(places, minlength=BINS)))
