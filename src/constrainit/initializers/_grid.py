"""Which points of a grid the weights of a unit start at."""

import math

import numpy as np

from constrainit.initializers.laws import Wanted


def start_values(
    step: float, phase: float, low: float, high: float, fan_in: int, wanted: Wanted
) -> tuple[np.ndarray, bool]:
    """The weights of a unit, in any order, and whether the grid holds their negatives too.

    Args:
        step: Distance of two points.
        phase: Points are `(k + phase) * step`, with `phase` in `[0, 1)`.
        low: The least `k`; may be infinite.
        high: The largest `k`, above `low`.
        fan_in: How many weights.
        wanted: The scale.
    """
    if low + phase >= 0:
        return step * _one_sided(low + phase, high - low, fan_in, wanted.total / step), False
    if high + phase <= 0:
        return -step * _one_sided(-high - phase, high - low, fan_in, wanted.total / step), False
    if phase not in (0.0, 0.5):
        # The two points next to zero, as often as cancels them.
        above = min(max(round(fan_in * (1 - phase)), 1), max(fan_in - 1, 1))
        return step * np.where(np.arange(fan_in) < above, phase, phase - 1), False
    most = min(high + (phase > 0), -low)
    return step * _two_sided(phase, most, fan_in, (wanted.gain / step) ** 2), True


def _one_sided(least, levels, fan_in, total):
    """Points from `least` on whose sum is near `total`: low ones, or a few just above zero."""
    rest = max(total - fan_in * least, 0.0)
    if fan_in == 1:
        return np.asarray([least + min(max(round(rest), 1), levels)])
    highest = min(round(2 * rest / fan_in), levels)
    place = np.arange(fan_in)
    if highest < 1:
        return least + (place < max(round(rest), 1))
    return least + np.floor((place + 0.5) * (highest + 1) / fan_in)


def _two_sided(phase, most, fan_in, square):
    """Points of both signs, the sum of whose squares is near `square`."""
    share = square / fan_in
    if phase:
        levels = min(max(math.ceil(math.sqrt(3 * share + 0.25) - 1e-9), 1), most)
        count = fan_in
    else:
        levels = max(math.ceil((math.sqrt(1 + 48 * share) - 3) / 4 - 1e-9), 1)
        levels = min(levels, most)
        mean = (levels + 1) * (2 * levels + 1) / 6
        count = min(max(round(square / mean), 1), fan_in)
    sides = [
        np.floor((np.arange(size) + 0.5) * levels / size) + 1 - phase
        for size in (count - count // 2, count // 2) if size
    ]  # fmt: skip
    below = -sides[1] if len(sides) > 1 else np.zeros(0)
    return np.concatenate([sides[0], below, np.zeros(fan_in - count)])
