"""Laws of weights in order, and of weights that bend one way."""

import math
from statistics import NormalDist

import numpy as np
from keras import ops

from constrainit.initializers import _draws
from constrainit.initializers.laws import Law, Wanted, direction

_KNOTS = 512


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

    likely = [NormalDist().inv_cdf((k + 0.625) / (fan_in + 0.25)) for k in range(fan_in)]
    alike = min(sum(q * q for q in likely) / max(fan_in - 1, 1), 1.0)
    text = f"normal weights in order, of norm {norm:.4g} and mean 0"
    notes = (f"weights in order are alike for all units: {alike:.0%} of them is the same",)
    return Law(text, fan_in, 0.0, norm, draw, overlap=alike, notes=notes if fan_in > 1 else ())


def bent_lines(fan_in: int, fan_out: int, sign: float, wanted: Wanted) -> Law:
    """Straight lines bent once, upwards if `sign` is 1, of mean zero and a given norm."""
    if fan_in < 3:
        return direction(fan_in, fan_out, wanted.gain, wanted)
    knots = np.linspace(-1, 1, min(fan_in, _KNOTS))

    def draw(height, width, dtype, seed, where=None):
        chosen = _draws.uniform((width,), dtype, _draws.nth_seed(seed, 0)) * (height - 2)
        slope, bend = _draws.sphere(2, width, dtype, _draws.nth_seed(seed, 1), least=math.inf)
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
