"""Laws of weights on a grid: which points a unit starts at, in a new order for each unit."""

import math

import numpy as np
from keras import ops

from constrainit._precision import wide_dtype
from constrainit.initializers import _draws
from constrainit.initializers.laws import Law, Wanted


def multiset(values: np.ndarray, symmetric: bool, wanted: Wanted) -> Law:
    """Given values in random order for each unit.

    `symmetric`: with a random sign, where units need not have the same sum.
    """
    fan_in, total = len(values), float(values.sum())
    norm = float(np.linalg.norm(values))
    positive = bool((values >= 0).all() or (values <= 0).all()) and not symmetric
    flipped = symmetric and total != 0 and (fan_in == 1 or not wanted.even)

    def draw(height, width, dtype, seed, where=None):
        where = np.ones((height, width), bool) if where is None else where
        rank = _draws.ranks(height, width, dtype, _draws.nth_seed(seed, 0), where)
        used = ops.sum(ops.cast(where, wide_dtype(dtype)), axis=0, keepdims=True)
        # Under a mask the quantiles: as many of each value as there is room for.
        place = (ops.cast(rank, used.dtype) + 0.5) / ops.maximum(used, 1.0) * fan_in
        place = ops.clip(ops.cast(ops.floor(place), "int32"), 0, fan_in - 1)
        points = ops.convert_to_tensor(values, dtype=wide_dtype(dtype))
        w = _draws.only(ops.take(points, place), ops.convert_to_tensor(where))
        if not flipped:
            return w
        coin = _draws.uniform((1, width), dtype, _draws.nth_seed(seed, 1))
        return ops.where(coin < 0.5, w, -w)

    found, counts = np.unique(np.abs(values), return_counts=True)
    text = ", ".join(f"{c} of size {v:.4g}" for v, c in zip(found, counts, strict=True))
    if len(found) > 4:
        text = f"{fan_in} of sizes {found[0]:.4g} to {found[-1]:.4g}"
    overlap = total**2 / fan_in / norm**2 if positive and norm else 0.0
    return Law(f"weights in another order for each unit: {text}", fan_in,
               0.0 if flipped else total, norm, draw, positive, overlap)  # fmt: skip


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
