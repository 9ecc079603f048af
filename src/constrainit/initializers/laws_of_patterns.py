"""Laws of weights with a pattern: signs, fixed entries, random supports."""

import math
from dataclasses import replace

import numpy as np
from keras import ops

from constrainit._precision import wide_dtype
from constrainit.initializers import _draws, laws_of_bounds
from constrainit.initializers.laws import Law, Wanted


def signed(signs: np.ndarray, used: np.ndarray, wanted: Wanted) -> Law:
    """Weights of given signs and the wanted norm; where both signs occur, of sum zero.

    Args:
        signs: Matrix `(inputs, units)` of +1, -1 and 0 for a free sign.
        used: Which entries may differ from zero.
        wanted: The scale.
    """
    height, width = signs.shape
    plus, minus, free = (used & (signs == s) for s in (1, -1, 0))
    ups, downs, frees = (part.sum(axis=0) for part in (plus, minus, free))
    # Free signs make up for the fixed ones.
    turned = np.clip((downs - ups + frees) / 2, 0, frees)
    ups, downs = ups + turned, downs + frees - turned
    live, lone = ups + downs > 0, (ups + downs > 0) & ((ups == 0) | (downs == 0))

    def draw(height, width, dtype, seed, where=None):
        size = ops.abs(_draws.normal((height, width), dtype, _draws.nth_seed(seed, 0)))
        rank = _draws.ranks(height, width, dtype, _draws.nth_seed(seed, 1), free)
        chance = _draws.uniform((1, width), dtype, _draws.nth_seed(seed, 2))
        count = ops.floor(_tensor(turned, dtype) + chance)
        up = ops.logical_or(plus, ops.logical_and(free, ops.cast(rank, count.dtype) < count))
        parts = [_draws.only(size, ops.logical_and(used, one)) for one in (up, ops.logical_not(up))]
        above, below = (part / _or_one(ops.sum(part, axis=0, keepdims=True)) for part in parts)
        w = above - below
        return wanted.gain * w / _or_one(ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True)))

    gain = wanted.gain
    sums = np.where(lone, np.sign(ups - downs) * _mean_sums(ups + downs) * gain, 0.0)
    norm = gain * math.sqrt(live.mean())
    one, other = np.maximum(ups, 0.5), np.maximum(downs, 0.5)
    half = gain / np.sqrt(math.pi / 2 * (1 / one + 1 / other))
    above, below = np.where(lone, np.abs(sums), half) / one, np.where(lone, np.abs(sums), half)
    below = below / other
    share = turned / np.maximum(frees, 1)
    means = plus * above - minus * below + free * (share * above - (1 - share) * below)
    text = f"weights of the given signs and norm {gain:.4g}"
    if not lone.all():
        text += ", of sum 0 where a unit has both"
    notes = () if not lone.any() else (
        f"{lone.sum()} of {width} units have weights of one sign: what their inputs have in "
        "common outgrows what tells them apart",
    )  # fmt: skip
    return Law(text, height, float(sums.mean()), norm, draw, overlap=_shared(means, norm),
               notes=notes)  # fmt: skip


def _mean_sums(count):
    """The mean sum of the magnitudes of uniform directions in `count` dimensions."""
    count = np.maximum(count, 1.0)
    logs = [math.lgamma(c / 2) - math.lgamma((c + 1) / 2) for c in count]
    return count * np.exp(logs) / math.sqrt(math.pi)


def fixed(values: np.ndarray, held: np.ndarray, free: np.ndarray, wanted: Wanted) -> Law:
    """Given values, and beside them free ones that make up the wanted norm.

    Free entries have at least the norm that they would have without the fixed ones.

    Args:
        values: Matrix `(inputs, units)`.
        held: Where `values` hold.
        free: Which other entries may differ from zero.
        wanted: The scale.
    """
    values = np.where(held, values, 0.0)
    height = values.shape[0]
    square, count = np.square(values).sum(axis=0), free.sum(axis=0)
    rest = np.maximum(wanted.gain**2 - square, wanted.gain**2 * count / height)
    size = np.sqrt(np.where(count > 0, rest, 0.0))
    least = 3 if wanted.even else math.inf

    def draw(height, width, dtype, seed, where=None):
        w = _draws.sphere(height, width, dtype, seed, ops.convert_to_tensor(free), least=least)
        return _tensor(size, dtype) * w + _tensor(values, dtype)

    norm = math.sqrt(float((square + size**2).mean()))
    text = f"{held.mean():.0%} fixed values, the others normal, of norm {norm:.4g} together"
    total = float(values.sum(axis=0).mean())
    return Law(text, height, total, norm, draw, overlap=_shared(values, norm))


def within(low: np.ndarray, high: np.ndarray, used: np.ndarray, wanted: Wanted) -> Law:
    """Weights between bounds of their own: of mean zero where that is inside, else of one sign.

    What is of one sign is uniform from the bound nearest to zero on. In a unit of one sign it goes
    so far that the sum is the wanted one, or twice the least one; in others so far that the second
    moment beyond the bound is that of the wanted norm.

    Args:
        low: Matrix `(inputs, units)` of the lower bounds, `-inf` for none.
        high: As `low`, the upper bounds.
        used: Which entries may differ from zero.
        wanted: The scale.
    """
    height = low.shape[0]
    variance = wanted.gain**2 / np.maximum(used.sum(axis=0), 1)
    both, plus, minus = used & (low < 0) & (high > 0), used & (low >= 0), used & (high <= 0)
    edge = _draws.edge_of(height)
    left, right, ends = laws_of_bounds.sides(
        np.where(both, -low, 1.0), np.where(both, high, 1.0), variance, edge
    )
    alone = plus | minus
    sign = np.where(plus, 1.0, -1.0) * alone
    base = np.where(plus, low, np.where(minus, -high, 0.0))
    room = np.where(alone, high - low, 0.0)
    ups, downs = (one.sum(axis=0) == used.sum(axis=0) for one in (plus, minus))
    total = np.maximum(wanted.total, 2 * base.sum(axis=0)) - base.sum(axis=0)
    reach = np.where(ups | downs, _depth(room, 2 * total), np.sqrt(3 * variance))
    size = np.minimum(room, reach)

    def draw(height, width, dtype, seed, where=None):
        parts = [_tensor(one, dtype) for one in (left, right, ends, sign, sign * base, size)]
        left_, right_, ends_, sign_, base_, size_ = parts
        free = _draws.two_sided(
            height, width, dtype, _draws.nth_seed(seed, 0), left=left_, right=right_, ends=ends_,
            edge=edge,
        )  # fmt: skip
        share = _draws.uniform((height, width), dtype, _draws.nth_seed(seed, 1))
        return _draws.only(free, both) + base_ + sign_ * size_ * share

    means = sign * (base + size / 2)
    squares = np.where(both, left * right * _draws.spread(ends, edge), means**2 + size**2 / 12)
    norm = math.sqrt(float(squares.sum(axis=0).mean()))
    total = float(means.sum(axis=0).mean())
    positive = bool(ups.all() or downs.all())
    text = f"weights between bounds of their own, of norm {norm:.4g} and sum {total:.4g}"
    return Law(text, height, total, norm, draw, positive, _shared(means, norm))


def _depth(room, total):
    """The most that an entry of a column takes of its room, for the entries to be of this sum."""
    low, high = np.zeros(room.shape[1]), np.asarray(total, "float64")
    for _ in range(60):
        middle = (low + high) / 2
        enough = np.minimum(room, middle).sum(axis=0) >= total
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def scattered(fan_in: int, keep: int, group: int | None, wanted: Wanted) -> Law:
    """Uniform directions on random inputs: `keep` in each `group`, or of all."""
    least = 3 if wanted.even else math.inf

    def draw(height, width, dtype, seed, where=None):
        chosen = _places(height, width, dtype, _draws.nth_seed(seed, 0), where, keep, group)
        seed = _draws.nth_seed(seed, 1)
        return wanted.gain * _draws.sphere(height, width, dtype, seed, chosen, least=least)

    share = f"{min(keep, fan_in)}" if group is None else f"{keep} of each {group}"
    text = f"uniform directions of norm {wanted.gain:.4g} on {share} inputs, drawn for each unit"
    return Law(text, fan_in, 0.0, wanted.gain, draw)


def on_few(law: Law, fan_in: int, keep: int, group: int) -> Law:
    """A law of as many weights as are kept, on random inputs: `keep` in each `group`."""

    def draw(height, width, dtype, seed, where=None):
        chosen = _places(height, width, dtype, _draws.nth_seed(seed, 0), where, keep, group)
        return law.draw(height, width, dtype, _draws.nth_seed(seed, 1), chosen)

    text = f"{law.text}, on {law.fan_in} of {fan_in} inputs, drawn for each unit"
    overlap = law.overlap * law.fan_in / fan_in
    return replace(law, text=text, fan_in=fan_in, draw=draw, overlap=overlap)


def _places(height, width, dtype, seed, where, keep, group):
    """Random places of each column, `keep` in each `group` of rows or of all."""
    noise = _draws.uniform((height, width), dtype, seed)
    noise = noise if where is None else ops.where(where, noise, 2.0 * ops.ones_like(noise))
    size = group or height
    noise = ops.reshape(noise, (height // size, size, width))
    chosen = ops.argsort(ops.argsort(noise, axis=1), axis=1) < keep
    chosen = ops.reshape(chosen, (height, width))
    return chosen if where is None else ops.logical_and(chosen, where)


def _shared(means, norm):
    """The correlation of two units' outputs that comes from the means of their weights."""
    width = means.shape[1]
    if width < 2 or not norm:
        return 0.0
    both = np.square(means.sum(axis=1)).sum() - np.square(means).sum()
    return float(np.clip(both / (width * (width - 1)) / norm**2, 0.0, 1.0))


def _tensor(values, dtype):
    return ops.convert_to_tensor(values, dtype=wide_dtype(dtype))


def _or_one(x):
    return ops.where(x > 0, x, ops.ones_like(x))
