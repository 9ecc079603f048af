"""CW403 dead-start."""

from constrainit.doctor.rules._rule import Rule, percent

_MOST = 0.5

_BY_CHANCE = 2 / 3
"""The share of units that may be dead by chance: of draws behind positive inputs half are."""

_LEFT = 2 / 3
"""A loss that is at most this share of what it was has fallen with the units that are left."""


class DeadStart(Rule):
    """Most units of a rectified layer are zero for the whole batch.

    A unit that is zero everywhere passes no gradient and does not recover. A constraint that sets
    a whole kernel to zero in the first step is a frequent cause.

    Example:
        start = keras.initializers.RandomUniform(-1, 0)
        second = layers.Dense(8, "relu", kernel_initializer=start)
        [layers.Dense(8, "relu"), second, layers.Dense(1)]

    Use instead:
        start = "he_normal"
        second = layers.Dense(8, "relu", kernel_initializer=start)
        [layers.Dense(8, "relu"), second, layers.Dense(1)]

    Known limits:
        Says something of the batch at hand: other samples may wake a unit. A last layer of few
        units may be dead by chance. Where a third is left, and the loss falls by a third in the
        steps that are looked at, it is a note: behind inputs that are not negative half of the
        units of a sound layer may be zero.

    Source:
        Half of the units is the threshold of SageMaker Debugger's `DeadRelu`.
    """

    code, name = "CW403", "dead-start"

    def find(self, evidence):
        for stage, outputs, _ in evidence.moments:
            # Of a single example many units are zero by chance.
            most = _MOST if evidence.varies else 1.0
            dead = [o for o in outputs if o.dead is not None and o.dead >= most]
            for output in dead:
                by_chance = (output.dead or 0) <= _BY_CHANCE and _trains(evidence)
                yield self.made(
                    f"{percent(output.dead)} of the units of {output.kind} {output.layer!r} are "
                    "zero for the whole batch: no gradient passes through them",
                    _fix(evidence, output.layer),
                    {"dead_share": output.dead}, stage=stage, layer=output.layer,
                    level="info" if by_chance else "warning",
                )  # fmt: skip
            if dead:
                return


def _trains(evidence):
    """Whether the units that are left are enough for a loss that falls by a third."""
    losses = evidence.losses
    falls = len(losses) > 1 and losses[-1] <= _LEFT * losses[0]
    return evidence.fault_step is None and falls and losses[0] > 0


def _fix(evidence, layer):
    if any(made.record.layer.name == layer for made in evidence.constraints):
        return "start with weights whose constraint leaves a part of them positive"
    return (
        "start with weights and biases that leave most units positive for some examples "
        "(he_normal, a bias of 0), or take an activation without a dead side (leaky_relu, gelu)"
    )
