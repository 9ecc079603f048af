"""CW403 dead-start."""

from constrainit.doctor.rules._rule import Rule, percent, when

HALF = 0.5
"""From which share of dead units on a layer is told of."""

BY_CHANCE = 2 / 3
"""The share of units that may be dead by chance: of draws behind positive inputs half are."""

_ALIKE = 1e-5
"""Outputs that vary by less, relative to the largest, are the same but for rounding."""

_TIGHT = 0.2
"""A constraint that leaves less than this of the largest entry of a start binds it tightly."""

LEFT = 2 / 3
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
        units may be dead by chance, and half of any layer where all examples are the same to it, as
        behind a codebook of which one code is taken: that is not told. Where the steps wake more
        than half of the units, it is a note. Where a third is left, and the loss falls by a third
        in the steps that are looked at, it is one, too: behind inputs that are not negative half of
        the units of a sound layer may be zero. Where they die only in these steps, or less than a
        third is left, the loss has two hundred steps for it, and what the model gives must be
        nearer to its targets than to those of other examples.

        Rows of a table of the user's own are told of, too, where `argmin` or `argmax` picks two of
        them or a tenth at most for the batch, as they start four times as wide as the input of
        their layer: in small models, if 200 steps on half of the batch leave half at most of
        the loss of the data of the other half once they start as wide as that. Rows that are
        never picked in a model that trains are left alone.

    Source:
        Half of the units is the threshold of SageMaker Debugger's `DeadRelu`. On codebooks that
        collapse: lucidrains/vector-quantize-pytorch#19; van den Oord et al., Neural discrete
        representation learning (2017).
    """

    code, name = "CW403", "dead-start"
    numbers = ("dead_share", "spread", "spread_of_input", "data_loss", "data_loss_fitting")

    def find(self, evidence):
        if evidence.picked_rows is not None:
            yield self._of_rows(evidence.picked_rows)
            return
        for stage, outputs, _ in evidence.moments:
            dead = [o for o in outputs if o.dead is not None and o.dead >= _most(evidence, o)]
            for output in dead:
                by_chance = (output.dead or 0) <= BY_CHANCE and _trains(evidence)
                by_chance = by_chance or _woke(evidence, output) or _suffice(evidence, output)
                yield self.made(
                    f"{percent(output.dead)} of the units of {output.kind} {output.layer!r} are "
                    f"zero for the whole batch{when(stage, evidence)}: no gradient passes through "
                    "them",
                    _fix(evidence, output.layer),
                    {"dead_share": output.dead}, stage=stage, layer=output.layer,
                    level="info" if by_chance else "warning",
                )  # fmt: skip
            if dead:
                return

    def _of_rows(self, made):
        """A table next to no rows of which are the nearest of what its layer is given."""
        count, (wide, given) = made.record.shape[0], made.spreads
        first, as_given, fitting = made.losses
        line = "" if made.source is None else f" in line {made.source.line}"
        return self.made(
            f"{made.function}{line} picks {made.picked} of its {count} rows for the whole batch, "
            f"and the others learn nothing: they start with a deviation of {wide:.3g}, and what "
            f"they are compared with has {given:.3g}. In {made.steps} steps on half of the batch "
            f"the loss of the data of the other half goes from {first:.4g} to {as_given:.4g}, and "
            f"to {fitting:.4g} with rows as wide as that",
            "start the rows as wide as what they are compared with, such as RandomUniform(-1 / n, "
            "1 / n) for n of them, or at examples of it; normalize both where it may change",
            {"dead_share": 1 - made.picked / count, "spread": wide, "spread_of_input": given,
             "data_loss": as_given, "data_loss_fitting": fitting},
            stage="forward", layer=made.record.layer.name, weight=made.record.path,
            source=made.source,
        )  # fmt: skip


def _most(evidence, output):
    """The share of units that may be dead by chance.

    Of a single example half of them are zero, and so they are of examples that are all the same to
    the layer, such as those for which a codebook has one code. If they stay so, that is told.
    """
    alike = not evidence.varies or output.spread <= _ALIKE * output.peak
    return 1.0 if alike else HALF


def _woke(evidence, output):
    """Whether the layer has enough units that are not dead after the steps."""
    last = [o for o in evidence.outputs_last if o.layer == output.layer and o.dead is not None]
    sound = evidence.fault_step is None and bool(last)
    return sound and all((o.dead or 0) < HALF and _most(evidence, o) == HALF for o in last)


def _trains(evidence):
    """Whether the units that are left are enough for a loss that falls by a third."""
    losses = evidence.losses
    if evidence.fault_step is not None or len(losses) < 2 or losses[0] <= 0:
        return False
    left = losses[-1] / losses[0] if evidence.outlived is None else evidence.outlived
    return left <= LEFT


def _suffice(evidence, output):
    """Whether the few units that are left learn from the targets, in two hundred steps."""
    left = evidence.outlived
    return (output.dead or 0) < 1 and left is not None and left <= LEFT


def _fix(evidence, layer):
    """What to do, by what the constraints of the layer leave of the start."""
    made = [one for one in evidence.constraints if one.record.layer.name == layer]
    left = [(one, one.image) for one in made if one.image is not None]
    if made and all(image.maximum <= 0 for _, image in left):
        return "start with weights whose constraint leaves a part of them positive"
    tight = [pair for pair in left if _peak(pair[1]) < _TIGHT * _peak(pair[0].start)]
    if tight:
        one, image = tight[0]
        return (
            f"bound {one.record.argument or one.record.variable.name} less tightly: its constraint "
            f"leaves entries of up to {_peak(image):.3g} of a start of up to {_peak(one.start):.3g}"
        )
    where, usual = (" inside of their set", "") if made else ("", " (he_normal, a bias of 0)")
    return (
        f"start with weights{where} and biases that leave most units positive for some examples"
        f"{usual}, or take an activation without a dead side (leaky_relu, gelu)"
    )


def _peak(weights):
    return max(abs(weights.minimum), abs(weights.maximum))
