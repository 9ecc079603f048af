"""The law that a set's initial weights are drawn from: its moments, and how to draw."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from constrainit.initializers import _draws


@dataclass(frozen=True)
class Wanted:
    """What a plan asks of a set's law.

    Attributes:
        gain: The norm of a unit's weights, where their signs cancel.
        total: The sum of a unit's weights, where they are of one sign.
        spread: For weights of one sign: the share of a unit's sum that is spread over all inputs;
            the rest is on one input. 1 for shallow stacks.
        even: Whether every unit's weights must have the same sum, so that one constant bias
            serves all units; else the law is uniform on the set wherever the set has such a law.
        masked: Whether the draw will be under a mask.
    """

    gain: float = 1.0
    total: float = 1.0
    spread: float = 1.0
    even: bool = False
    masked: bool = False


@dataclass(frozen=True)
class Law:
    """A law of the weights of one unit, `w` of `fan_in` entries.

    Attributes:
        text: The law in words, with its parameters.
        fan_in: How many weights feed a unit.
        total: `E sum(w)`.
        norm: `sqrt(E ||w||^2)`.
        draw: Gives a matrix from `(height, width, dtype, seed, where)`.
        positive: Whether the weights are of one sign, so that what the inputs have in common
            outgrows what tells them apart.
        overlap: The correlation of two units' outputs for independent inputs.
        exact: Whether the moments hold exactly, not only to the order of `1 / fan_in`.
        notes: What the user should know.
    """

    text: str
    fan_in: int
    total: float
    norm: float
    draw: Callable[..., Any]
    positive: bool = False
    overlap: float = 0.0
    exact: bool = True
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean of an entry."""
        return self.total / self.fan_in

    @property
    def deviation(self) -> float:
        """Standard deviation of an entry."""
        return math.sqrt(max(self.norm**2 / self.fan_in - self.mean**2, 0.0))

    def under_mask(self, fan_in: int, counts) -> "Law":
        """This law, made for the entries of a mask, seen over all entries."""
        dead = int((counts == 0).sum())
        notes = (f"{dead} units have no entry in the mask: they pass on nothing",) if dead else ()
        even = len(set(counts.tolist())) == 1
        text = f"{self.text}, on {counts.mean():.4g} of {fan_in} entries"
        return replace(
            self, text=text, fan_in=fan_in, exact=self.exact and even, notes=self.notes + notes
        )

    @property
    def effective_inputs(self) -> float:
        """How many inputs a unit effectively adds up: `sum(w)^2 / ||w||^2`."""
        return self.total**2 / self.norm**2 if self.norm else 0.0


def direction(
    fan_in: int, fan_out: int, norm: float, wanted: Wanted, count: int | None = None
) -> Law:
    """Weights of a given norm in uniform directions; orthogonal ones in deep stacks.

    Args:
        fan_in: How many weights feed a unit.
        fan_out: How many units there are.
        norm: The norm of a unit's weights.
        wanted: What a plan asks for.
        count: How many weights of a unit are other than zero; None for all.
    """
    if count is not None and count < fan_in:
        least = 2 if wanted.even else math.inf
        draw = _scaled(partial(_draws.sparse_sphere, count=count, least=least), norm)
        text = f"directions of norm {norm:.4g} with {count} of {fan_in} weights in use"
        return Law(text, fan_in, 0.0, norm, draw)
    deep = wanted.spread < 1 and wanted.even and not wanted.masked
    if deep and 3 <= fan_out <= fan_in <= 4096:
        total = norm if fan_out == fan_in else 0.0
        draw = _scaled(_plain(_draws.level_frame), norm)
        return Law(f"orthogonal directions of norm {norm:.4g}", fan_in, total, norm, draw)
    least = 3 if wanted.even else math.inf
    draw = _scaled(partial(_draws.sphere, least=least), norm)
    text = f"uniform directions of norm {norm:.4g}"
    return Law(text + (" and sum 0" if wanted.even else ""), fan_in, 0.0, norm, draw)


def with_total(fan_in: int, total: float, wanted: Wanted) -> Law:
    """Weights of a given sum and the wanted spread around their mean."""
    norm = wanted.gain if fan_in > 1 else 0.0
    sphere = partial(_draws.sphere, least=2)

    def draw(height, width, dtype, seed, where=None):
        w = norm * sphere(height, width, dtype, seed, where)
        even = _draws.only(ops.ones_like(w), where)
        count = ops.sum(even, axis=0, keepdims=True)
        return w + total * even / ops.maximum(count, 1.0)

    size = math.sqrt(norm**2 + total**2 / fan_in)
    text = f"normal weights of sum {total:g}, deviation {norm / math.sqrt(fan_in):.4g}"
    overlap = total**2 / fan_in / size**2 if size else 0.0
    return Law(text, fan_in, total, size, draw, overlap=overlap)


def frame(fan_in: int, fan_out: int, wanted: Wanted) -> Law:
    """Orthonormal columns, or rows where wide."""
    norm = min(1.0, math.sqrt(fan_in / fan_out))
    text = "orthonormal columns" if fan_in >= fan_out else "orthonormal rows"
    if not wanted.even or min(fan_in, fan_out) < 3:
        return Law(text, fan_in, 0.0, norm, _plain(_draws.haar))
    total = norm if fan_in <= fan_out else 0.0
    text += f", all columns of sum {total:.4g}"
    return Law(text, fan_in, total, norm, _plain(_draws.level_frame))


def mirrored(fan_in: int, wanted: Wanted) -> Law:
    """Symmetric matrices with columns of the wanted norm."""
    gain, even = wanted.gain, wanted.even and fan_in >= 3
    text = f"symmetric normal weights, columns of norm about {gain:.4g}"
    draw = _scaled(partial(_draws.symmetric, even=even), gain)
    return Law(text + (" and sum 0" if even else ""), fan_in, 0.0, gain, draw)


def shares_of(fan_in: int, total: float, wanted: Wanted) -> Law:
    """Non-negative weights whose sum is a given one exactly, in every order of summation."""
    spread = wanted.spread if fan_in > 1 else 1.0

    def draw(height, width, dtype, seed, where=None):
        w = total * _draws.spread_spikes(height, width, dtype, seed, where, spread=spread)
        return _draws.exact_sum(w, total, dtype, where)

    return _one_sided_law(_text_of(total, spread), fan_in, 0.0, total, spread, draw)


def _text_of(excess, spread):
    if spread >= 1:
        return f"flat Dirichlet weights of sum {excess:.4g}"
    return (
        f"one weight of about {excess * (1 - spread):.4g} for each unit, in turns, "
        f"and {excess * spread:.4g} spread over all"
    )


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


def nothing(fan_in: int) -> Law:
    """Zero weights, for a mask that leaves no entry."""
    notes = ("the mask leaves no entry: the layer passes on nothing",)
    return Law("zeros", fan_in, 0.0, 0.0, _uniform, notes=notes)


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
        draw = _shifted(_scaled(_draws.exponential, excess), lower)
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
            draw = _shifted(_scaled(shares, excess), lower)
            text = _text_of(excess, spread) + (f", above {lower:g}" if lower else "")
            return _one_sided_law(text, fan_in, lower, excess, spread, draw)
    return _between(lower, upper, fan_in, wanted)


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
        draw = _shifted(_scaled(_uniform, top - lower), lower)
        quantiles = lower + (top - lower) * share
        text = f"uniform weights between {lower:g} and {top:.4g}"
    if wanted.even and not wanted.masked and fan_in > 2:
        return _permutations(text, quantiles, True)
    norm = math.sqrt(fan_in * square)
    return Law(text, fan_in, fan_in * mean, norm, draw, True, mean**2 / square)


def _permutations(text, values, positive):
    """The quantiles of a law in a new order for each unit: sum and norm are the same for all."""
    fan_in, total = len(values), float(values.sum())
    square = float(np.square(values).sum())
    overlap = total**2 / fan_in / square if positive else 0.0
    draw = partial(_draws.permuted, values=values)
    return Law(f"{text}, in another order for each unit", fan_in, total, math.sqrt(square), draw,
               positive, overlap)  # fmt: skip


def _two_sided(left, right, fan_in, wanted):
    variance = wanted.gain**2 / fan_in
    near = min(left, math.sqrt(3.0 * variance))
    right = min(right, 3.0 * variance / near)
    left = min(left, 3.0 * variance / right)
    ends = min(max((3.0 * variance / (left * right) - 1.0) / 2.0, 0.0), 1.0)
    reached = left * right * (1 + 2 * ends) / 3
    text = f"weights of mean 0 between {-left:.4g} and {right:.4g}"
    if ends:
        text += f", {ends:.0%} of them at the ends"
    if wanted.even and not wanted.masked and fan_in > 2:
        return _permutations(text, _balanced(fan_in, left, right, ends), False)
    draw = partial(_draws.two_sided, left=left, right=right, ends=ends)
    return Law(text, fan_in, 0.0, math.sqrt(fan_in * reached), draw)


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


def _uniform(height, width, dtype, seed, where=None):
    return _draws.only(_draws.uniform((height, width), dtype, seed), where)


def _scaled(draw, factor):
    return lambda *size, **named: factor * draw(*size, **named)


def _shifted(draw, lower):
    def shifted(height, width, dtype, seed, where=None):
        return _draws.only(lower + draw(height, width, dtype, seed, where), where)

    return shifted


def _plain(draw):
    """A draw that knows no mask."""
    return lambda height, width, dtype, seed, where=None: draw(height, width, dtype, seed)
