"""CW105 identical-units."""

from constrainit.doctor.rules._rule import Rule


class IdenticalUnits(Rule):
    """All units of a layer start with the same weights, and stay the same.

    Units with equal weights give equal outputs, get equal gradients and make equal steps: a layer
    of many such units is worth one. It shows only where what follows them is equal, too.

    Example:
        [
            layers.Dense(8, activation="tanh", kernel_initializer="ones"),
            layers.Dense(1, kernel_initializer="ones"),
        ]

    Use instead:
        [
            layers.Dense(8, activation="tanh", **ci.constrained(kernel=ci.NonNegative())),
            layers.Dense(1),
        ]

    Known limits:
        Units that differ at the start, or come apart in the steps that are looked at, are not
        reported; nor are weights that are zero, which a residual branch may start from.

    Source:
        Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.4: initial parameters
        have to break the symmetry between units. Rule f004 of NeuraLint (Nikanjam et al., 2021).
    """

    code, name, stage = "CW105", "identical-units", "training"

    def find(self, evidence):
        for record in evidence.identical:
            units = record.shape[-1]
            yield self.made(
                f"all units of {record.layer.name!r} start with the same weights and are still "
                f"the same after {len(evidence.losses) - 1} steps: they count as one",
                "draw the weights at random: constrainit.constrained(...) for a weight with a "
                "constraint, the default of the layer for others",
                {"units": units, "steps": len(evidence.losses) - 1},
                layer=record.layer.name, weight=record.path,
            )  # fmt: skip
