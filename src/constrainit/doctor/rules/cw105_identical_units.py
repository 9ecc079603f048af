"""CW105 identical-units."""

import keras

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule


class IdenticalUnits(Rule):
    """All units of a layer start with the same weights, and stay the same.

    Units with equal weights give equal outputs, get equal gradients and make equal steps: a layer
    of many such units is worth one. It shows only where what follows them is equal, too. Kernels of
    zeros are the worst of them: where several layers have one, or a rectifier is behind it, no
    gradient comes through, and nothing ever moves. Equal entries of one weight do harm where a
    layer takes differences of neighbours, as an ordinal model does of what its thresholds give:
    what lies between two equal ones is zero, and learns nothing.

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
        reported. Of kernels of zeros, which a residual branch or a last layer may start from, only
        those are that get no gradient at any step. Equal entries, of a vector or a table of the
        user's own layers, are told where units of its layer are zero for all examples and are not
        with entries apart, in small models that then come to two thirds of the loss in 100 steps.

    Source:
        Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.4: initial parameters
        have to break the symmetry between units. Rule f004 of NeuraLint (Nikanjam et al., 2021).
    """

    code, name, stage = "CW105", "identical-units", "training"
    numbers = ("gradient", "units", "steps", "loss", "loss_apart")

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
        if evidence.zeros:
            yield self._of_zeros(evidence, evidence.zeros)
        if evidence.equal_entries is not None:
            yield self._of_entries(evidence.equal_entries)

    def _of_entries(self, seen):
        """A finding where entries that are alike leave nothing between them."""
        record, (first, given, apart) = seen.record, seen.losses
        return self.made(
            f"its {record.shape[-1]} entries all start at {seen.value:g}, and so {seen.empty} of "
            f"the {seen.units} units of {record.layer.name!r} are zero for all examples, as what "
            "lies between two equal numbers is: they learn nothing. The loss of examples that are "
            f"not trained on goes from {first:.4g} to {given:.4g} in {seen.steps} steps, and to "
            f"{apart:.4g} with entries that start apart",
            f"start with entries apart, such as ops.linspace({seen.ends[0]:g}, {seen.ends[1]:g}, "
            f"{record.shape[-1]})",
            {"units": seen.empty, "loss": given, "loss_apart": apart},
            layer=record.layer.name, weight=record.path,
        )  # fmt: skip

    def _of_zeros(self, evidence, records):
        first, *others = records
        named = listed([record.path for record in others])
        also = f", as {'do' if others[1:] else 'does'} {named}" if others else ""
        own = ": each of them keeps the gradient from the others, and" if others else ", so that"
        return self.made(
            f"it starts at zero{_by(first)}{also}; what comes in is lost{own} no gradient has come "
            f"through at any of {len(evidence.losses)} steps",
            "draw the weights at random: constrainit.constrained(...) for a weight with a "
            "constraint, the default of the layer (glorot_uniform) for others",
            {"gradient": 0.0, "zeros": [record.path for record in records]},
            layer=first.layer.name, weight=first.path,
        )  # fmt: skip


def _by(record):
    """By what argument of its layer a weight is zero, where it has one."""
    name = f"{record.argument}_initializer"
    initializer = getattr(record.layer, name, None)
    if isinstance(initializer, keras.initializers.Zeros):
        return f' ({name}="zeros")'
    is_one = isinstance(initializer, keras.initializers.Initializer)
    return f" ({name} is {type(initializer).__name__})" if is_one else ""
