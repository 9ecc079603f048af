"""Laws of weights in order, with one peak, and of weights that bend one way."""

import math
from statistics import NormalDist

import numpy as np
from keras import ops

from constrainit.initializers import _draws
from constrainit.initializers._draws import nth_seed
from constrainit.initializers.laws import Law, Wanted, direction

_KNOTS = 512
_PLACES = 64


def sorted_directions(fan_in: int, gap: float, sign: float, wanted: Wanted) -> Law:
    """Weights of mean zero and a given norm, in order, each at least `gap` from the next."""
    ramp = gap * (np.arange(fan_in) - (fan_in - 1) / 2)
    norm = max(wanted.gain, 1.25 * float(np.linalg.norm(ramp)))

    def draw(height, width, dtype, seed, where=None):
        w = ops.sort(_draws.sphere(height, width, dtype, seed, least=2), axis=0)
        steps = ops.convert_to_tensor(ramp[:, None], dtype=w.dtype)
        # The positive root: the norm of the steps and `share` of the draw together.
        along = ops.sum(w * steps, axis=0, keepdims=True)
        rest = norm**2 - float(ramp @ ramp)
        share = ops.sqrt(ops.square(along) + rest) - along
        return sign * (steps + share * w)

    alike = min(sum(q * q for q in _likely(fan_in)) / max(fan_in - 1, 1), 1.0)
    text = f"normal weights in order, of norm {norm:.4g} and mean 0"
    notes = (f"weights in order are alike for all units: {alike:.0%} of them is the same",)
    return Law(text, fan_in, 0.0, norm, draw, overlap=alike, notes=notes if fan_in > 1 else ())


def peaks(fan_in: int, at: int | None, sign: float, wanted: Wanted) -> Law:
    """Weights of mean zero and a given norm that rise to a place, or anywhere, and fall from it."""

    def draw(height, width, dtype, seed, where=None):
        w = ops.sort(_draws.sphere(height, width, dtype, nth_seed(seed, 0), least=2), axis=0)
        noise = _draws.uniform((height - 1, width), dtype, nth_seed(seed, 1))
        if at is None:
            left = noise < _draws.uniform((1, width), dtype, nth_seed(seed, 2))
        else:
            left = ops.argsort(ops.argsort(noise, axis=0), axis=0) < _within(at, height)
        # The smallest first on the left, last on the right, and the largest between them.
        away = ops.arange(height, 1, -1)[:, None]
        place = ops.where(left, -away, away)
        place = ops.concatenate([place, ops.zeros_like(w[:1], dtype=place.dtype)])
        return sign * wanted.gain * ops.take_along_axis(w, ops.argsort(place, axis=0), axis=0)

    alike = _alike_in_peaks(min(fan_in, _PLACES), at, fan_in)
    where = "anywhere" if at is None else f"at {at}"
    text = f"normal weights up to a peak {where} and down, of norm {wanted.gain:.4g} and mean 0"
    text = text if sign > 0 else text.replace("up to a peak", "down to a valley").replace(
        "and down", "and up")  # fmt: skip
    notes = (f"weights in order are alike for all units: {alike:.0%} of them is the same",)
    notes = notes if fan_in > 1 else ()
    return Law(text, fan_in, 0.0, wanted.gain, draw, overlap=alike, notes=notes)


def _within(at, size):
    """A place that may count from the end, in a column that may be too short for it."""
    return min(max(at + size if at < 0 else at, 0), size - 1)


def _alike_in_peaks(size, at, fan_in):
    """The share of a column's square that is the same in all columns."""
    if size == 1:
        return 0.0
    places = range(size)
    if at is not None:
        places = [round(_within(at, fan_in) * (size - 1) / (fan_in - 1))]
    columns = [_likely_peak(np.array(_likely(size)), p) for p in places]
    return min(float(np.square(np.mean(columns, axis=0)).sum()) / (size - 1), 1.0)


def _likely_peak(column, place):
    """A column in order with the largest entry at a place, as it is when sides are by chance."""

    def side(count):
        # Where the entries of one side are likely to stand among those of both.
        ranks = np.arange(1, count + 1) * (len(column) / (count + 1)) - 1
        return np.interp(ranks, np.arange(len(column) - 1), column[:-1])

    right = side(len(column) - 1 - place)[::-1]
    return np.concatenate([side(place), column[-1:], right])


def _likely(count):
    """The values that so many normal numbers in order have about."""
    return [NormalDist().inv_cdf((k + 0.625) / (count + 0.25)) for k in range(count)]


def bent_lines(fan_in: int, fan_out: int, sign: float, wanted: Wanted) -> Law:
    """Straight lines bent once, upwards if `sign` is 1, of mean zero and a given norm."""
    if fan_in < 3:
        return direction(fan_in, fan_out, wanted.gain, wanted)
    knots = np.linspace(-1, 1, min(fan_in, _KNOTS))

    def draw(height, width, dtype, seed, where=None):
        chosen = _draws.uniform((width,), dtype, nth_seed(seed, 0)) * (height - 2)
        slope, bend = _draws.sphere(2, width, dtype, nth_seed(seed, 1), least=math.inf)
        knot = ops.clip(ops.floor(chosen) + 1.0, 1.0, height - 2.0) * (2.0 / (height - 1)) - 1.0
        place = np.linspace(-1, 1, height)[:, None]
        line, bent = _bends(ops, ops.convert_to_tensor(place, dtype=slope.dtype), knot)
        return wanted.gain * (slope * line + sign * ops.abs(bend) * bent)

    # The mean of `abs(bend)` is 2 / pi; the slopes are as often negative as positive.
    _, bends = _bends(np, knots[:, None], knots[1:-1])
    alike = (2 / math.pi) ** 2 * float(np.square(np.mean(bends, axis=1)).sum())
    text = f"lines bent at one place, of norm {wanted.gain:.4g} and mean 0"
    return Law(text, fan_in, 0.0, wanted.gain, draw, overlap=alike)


def _bends(on, place, knot):
    """A straight line, and for each knot what a bend there adds at right angles to all lines.

    `on` is NumPy, or `keras.ops` for tensors.
    """
    line = place / on.sqrt(on.sum(on.square(place)))
    bent = on.abs(place - knot)
    bent = bent - on.mean(bent, axis=0)
    bent = bent - line * on.sum(line * bent, axis=0)
    return line, bent / on.sqrt(on.sum(on.square(bent), axis=0))
