"""CW506 lost-update."""

import math

import numpy as np

from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules._rule import Rule

_DIGITS = {"float16": 10, "bfloat16": 7}
"""The binary digits behind the first one."""


class LostUpdate(Rule):
    """A weight in half precision has a gradient, and no step moves it.

    bfloat16 holds some three digits: near one its numbers are 0.004 and 0.008 apart, and a step of
    less than half of that is rounded away, however often it is taken. The state of the optimizer is
    in that dtype, too; Adam's `beta_2` of 0.999 becomes one, and its correction, and every update
    with it, zero.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, dtype="bfloat16")])
        model.compile(keras.optimizers.Adam(1e-3), "mse")
        model

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, dtype="mixed_bfloat16")])
        model.compile(keras.optimizers.Adam(1e-3), "mse")
        model

    Known limits:
        Weights in float32 are not looked at: a learning rate that is zero for a while may be meant.
        Of a weight of which some entries move, and others are stuck, nothing is said.

    Source:
        keras-team/keras#16970; Micikevicius et al., Mixed precision training (2018), section 3.1:
        a copy of the weights in float32 keeps small updates.
    """

    code, name, stage = "CW506", "lost-update", "training"
    numbers = ("gradient", "moved")

    def find(self, evidence):
        for made in evidence.gradients:
            record = made.record
            if made.still and made.norm and record.dtype in _DIGITS:
                yield self.made(
                    f"its first gradient has the norm {made.norm:.3g}, but none of "
                    f"{len(evidence.losses) - 1} steps moves it: {_why(evidence, record)}",
                    "keep the weights, and what the optimizer keeps of them, in float32, and "
                    f'compute in half precision: dtype="mixed_{record.dtype}"',
                    {"gradient": made.norm, "moved": 0.0},
                    layer=record.layer.name, weight=record.path,
                )  # fmt: skip


def _why(evidence, record):
    """What is rounded away: a number of the optimizer, or each step."""
    dtype, digits = record.dtype, _DIGITS[record.dtype]
    # Halfway to the number below one, which has a digit more.
    ones = [n for n, value in evidence.decays.items() if 0 < 1 - value <= 2.0 ** -(digits + 2)]
    if ones:
        return (
            f"{ones[0]}={evidence.decays[ones[0]]:g} of the optimizer is 1 in {dtype}, the dtype "
            "of the weight, so that its correction, and every update with it, is zero"
        )
    size = float(np.median(np.abs(to_numpy(record.variable).astype("float32"))))
    if not size > 0:
        return f"the update is lost in the rounding of {dtype}"
    apart = 2.0 ** (math.floor(math.log2(size)) - digits)
    return (
        f"the numbers of {dtype} are {apart:.2g} apart at the size of its entries, {size:.2g}, and "
        f"at the rate {evidence.rate:g} a step of less than half of that is rounded away"
    )
