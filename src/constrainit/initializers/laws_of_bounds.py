"""Laws of weights between bounds, and of weights of one sign."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from constrainit.initializers import _draws
from constrainit.initializers.laws import Law, Wanted


def independent(fan_in: int, wanted: Wanted) -> Law:
    """Uniform weights of mean zero."""
    return _two_sided(math.inf, math.inf, fan_in, wanted)


def bounded(lower: float | None, upper: float | None, fan_in: int, wanted: Wanted) -> Law:
    """Weights between two bounds, either of which may be None."""
    low = -math.inf if lower is None else lower
    high = math.inf if upper is None else upper
    if high <= 0:
        return _mirror(bounded(-high, None if lower is None else -low, fan_in, wanted))
    if low >= 0:
        return _one_sided(low, high, fan_in, wanted)
    return _two_sided(-low, high, fan_in, wanted)


def shares_of(fan_in: int, total: float, wanted: Wanted) -> Law:
    """Non-negative weights whose sum is a given one exactly, in every order of summation."""
    spread = wanted.spread if fan_in > 1 else 1.0

    def draw(height, width, dtype, seed, where=None):
        w = total * _draws.spread_spikes(height, width, dtype, seed, where, spread=spread)
        return _draws.exact_sum(w, total, dtype, where)

    return _one_sided_law(_text_of(total, spread), fan_in, 0.0, total, spread, draw)


def _mirror(law):
    return replace(
        law, text=f"minus: {law.text}", total=-law.total, draw=lambda *size: -law.draw(*size)
    )


def _one_sided(lower, upper, fan_in, wanted):
    floor = fan_in * lower
    total = max(wanted.total, 2 * floor)
    if fan_in == 1 and upper == math.inf:
        # A single weight of a given sum would be the same for every unit.
        excess = total - lower
        draw = _draws.shifted(_draws.scaled(_draws.exponential, excess), lower)
        norm = math.sqrt(lower**2 + 2 * lower * excess + 2 * excess**2)
        return Law(f"exponential weights of mean {total:.4g}", 1, total, norm, draw, True, 1.0)
    for spread in dict.fromkeys((wanted.spread, 1.0)):
        # The largest weight of a flat Dirichlet column stays below this but once in e^8 columns.
        flat = min((math.log(fan_in) + 8) / fan_in, 1.0)
        peak = (1 - spread) + spread * flat
        fits = lower + (total - floor) * peak <= upper
        if not fits and spread < 1 and floor <= 0.1 * upper and upper > lower:
            total, fits = floor + (upper - lower) / peak, True
        if fits and fan_in > 1:
            excess = total - floor
            shares = partial(_draws.spread_spikes, spread=spread)
            draw = _draws.shifted(_draws.scaled(shares, excess), lower)
            text = _text_of(excess, spread) + (f", above {lower:g}" if lower else "")
            return _one_sided_law(text, fan_in, lower, excess, spread, draw)
    return _between(lower, upper, fan_in, wanted)


def _one_sided_law(text, fan_in, lower, excess, spread, draw):
    """The moments of `lower + excess * ((1 - spread) * spike + spread * flat Dirichlet)`."""
    own = 2.0 / (fan_in + 1)
    square = (1 - spread) ** 2 + 2 * spread * (1 - spread) / fan_in + spread**2 * own
    total = fan_in * lower + excess
    norm = math.sqrt(fan_in * lower**2 + 2 * lower * excess + excess**2 * square)
    # Spikes of different units lie on different inputs, dense weights are independent.
    apart = (1 - (1 - spread) ** 2) / fan_in
    shared = fan_in * lower**2 + 2 * lower * excess + excess**2 * apart
    return Law(text, fan_in, total, norm, draw, True, shared / norm**2)


def _text_of(excess, spread):
    if spread >= 1:
        return f"flat Dirichlet weights of sum {excess:.4g}"
    return (
        f"one weight of about {excess * (1 - spread):.4g} for each unit, in turns, "
        f"and {excess * spread:.4g} spread over all"
    )


def _between(lower, upper, fan_in, wanted):
    """Weights that use the room between two bounds."""
    top = 2 * wanted.total / fan_in - lower
    share = (np.arange(fan_in) + 0.5) / fan_in
    if lower > 0 and not 1.5 * lower < top <= upper:
        ratio = math.log(upper / lower)
        mean, square = (upper - lower) / ratio, (upper**2 - lower**2) / (2 * ratio)
        draw = partial(_draws.log_uniform, lower=lower, upper=upper)
        quantiles = lower * np.exp(ratio * share)
        text = f"log-uniform weights between {lower:g} and {upper:g}"
    else:
        top = min(top, upper)
        mean, square = (lower + top) / 2, (lower**2 + lower * top + top**2) / 3
        draw = _draws.shifted(_draws.scaled(_draws.uniform_weights, top - lower), lower)
        quantiles = lower + (top - lower) * share
        text = f"uniform weights between {lower + 0.0:g} and {top:.4g}"  # no minus zero
    if wanted.even and not wanted.masked and fan_in > 2:
        return _permutations(text, quantiles, True)
    norm = math.sqrt(fan_in * square)
    return Law(text, fan_in, fan_in * mean, norm, draw, True, mean**2 / square)


def _two_sided(left, right, fan_in, wanted):
    permuted = wanted.even and not wanted.masked and fan_in > 2
    edge = 0.0 if permuted else _draws.edge_of(fan_in)
    left, right, ends = map(float, sides(left, right, wanted.gain**2 / fan_in, edge))
    reached = left * right * _draws.spread(ends, edge)
    text = f"weights of mean 0 between {-left:.4g} and {right:.4g}"
    if ends:
        text += f", {ends:.0%} of them at the ends"
    if permuted:
        return _permutations(text, _balanced(fan_in, left, right, ends), False)
    draw = partial(_draws.two_sided, left=left, right=right, ends=ends, edge=edge)
    return Law(text, fan_in, 0.0, math.sqrt(fan_in * reached), draw)


def sides(left, right, variance, edge):
    """How far a law of mean zero goes to both sides, and its share at the ends, see `two_sided`."""
    near = np.minimum(left, np.sqrt(3.0 * variance))
    right = np.minimum(right, 3.0 * variance / near)
    left = np.minimum(left, 3.0 * variance / right)
    missing = (variance / (left * right) - _draws.spread(0.0, edge)) / (
        _draws.spread(1.0, edge) - _draws.spread(0.0, edge)
    )
    return left, right, np.clip(missing, 0.0, 1.0)


def _permutations(text, values, positive):
    """The quantiles of a law in a new order for each unit: sum and norm are the same for all."""
    fan_in, total = len(values), float(values.sum())
    square = float(np.square(values).sum())
    overlap = total**2 / fan_in / square if positive else 0.0
    draw = partial(_draws.permuted, values=values)
    return Law(f"{text}, in another order for each unit", fan_in, total, math.sqrt(square), draw,
               positive, overlap)  # fmt: skip


def _balanced(fan_in, left, right, ends):
    """Quantiles of the two-sided law, moved within the bounds until they sum to zero."""
    share = (np.arange(fan_in) + 0.5) / fan_in
    below = right / (left + right)
    place = np.where(share < below, 1 - share / below, (share - below) / (1 - below))
    size = np.minimum(place / max(1 - ends, 1e-12), 1.0)
    values = np.where(share < below, -left * size, right * size)
    for _ in range(100):
        values = np.clip(values - values.mean(), -left, right)
    return values
