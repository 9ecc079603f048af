"""CW506 lost-update."""

from constrainit.doctor.rules._rule import Rule

_HALF = ("float16", "bfloat16")


class LostUpdate(Rule):
    """A weight in half precision has a gradient, and no step moves it.

    bfloat16 holds some three digits: a step of less than a thousandth of a weight is rounded away.
    The state of the optimizer is in that dtype, too; Adam's `beta_2` of 0.999 becomes one, and its
    correction, and every update with it, zero.

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

    Source:
        keras-team/keras#16970; Micikevicius et al., Mixed precision training (2018), section 3.1:
        a copy of the weights in float32 keeps small updates.
    """

    code, name, stage = "CW506", "lost-update", "training"
    numbers = ("gradient", "moved")

    def find(self, evidence):
        for made in evidence.gradients:
            record = made.record
            if made.still and made.norm and record.dtype in _HALF:
                yield self.made(
                    f"its first gradient has the norm {made.norm:.3g}, but none of "
                    f"{len(evidence.losses) - 1} steps moves it: the update is lost in the "
                    f"rounding of {record.dtype}",
                    "keep the weights in float32 and compute in half precision: "
                    f'dtype="mixed_{record.dtype}"',
                    {"gradient": made.norm, "moved": 0.0},
                    layer=record.layer.name, weight=record.path,
                )  # fmt: skip
