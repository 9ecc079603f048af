"""Kernels that are drawn far too small for their fan-in."""

import math

from keras.src.initializers.random_initializers import compute_fans

from constrainit._words import listed
from constrainit.doctor._evidence import Evidence, GainEvidence

_SMALL = 1 / 3
"""Of the deviation that Glorot's initializer draws with."""

BY_FAN_IN = "take an initializer that knows the fan-in: he_normal for relu, glorot_uniform else"
"""What to do about kernels of another size than their fan-in asks for."""


def small_kernels(evidence: Evidence) -> list[GainEvidence]:
    """The kernels without a constraint that deviate by less than a third of what is usual."""
    bounded = {made.record.path for made in evidence.constraints}
    return [
        one for one in evidence.gains
        if one.record.path not in bounded and 0 < _deviation(one) < _SMALL * _usual(one)
    ]  # fmt: skip


def told_small(small: list[GainEvidence]) -> str:
    """What such kernels deviate by, and what is usual, as a sentence without its end."""
    each = [
        f"{one.record.path} deviates by {_deviation(one):.2g} in place of {_usual(one):.2g}"
        for one in small
    ]
    return f"Beside what glorot_uniform draws, kernels start too small: {listed(each)}"


def _deviation(one):
    return one.gain / math.sqrt(math.prod(one.record.shape[axis] for axis in one.record.axes))


def _usual(one):
    return math.sqrt(2 / sum(compute_fans(tuple(one.record.shape))))
