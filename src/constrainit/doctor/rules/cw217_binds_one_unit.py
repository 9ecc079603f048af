"""CW217 binds-one-unit."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule

_MOST = 3


class BindsOneUnit(Rule):
    """A constraint holds for one unit of a hidden layer, where one input was probably meant.

    The kernel of `Dense` is `(inputs, units)`: the weights of the last input are `w[-1, :]`, while
    `w[:, -1]` are all weights of the last unit. The units of a hidden layer are drawn alike, and a
    rule for one of them says nothing of any input: the output may fall where that input rises.

    Example:
        class LastInputRises(keras.constraints.Constraint):
            def __call__(self, w):
                return ops.concatenate([w[:, :-1], ops.relu(w[:, -1:])], axis=1)
        [layers.Dense(8, kernel_constraint=LastInputRises()), layers.Dense(1)]

    Use instead:
        class LastInputRises(keras.constraints.Constraint):
            def __call__(self, w):
                return ops.concatenate([w[:-1], ops.relu(w[-1:])], axis=0)
        made = ci.constrained(kernel=LastInputRises())
        [layers.Dense(8, **made), layers.Dense(1)]

    Known limits:
        Looked at are constraints of the user's own on kernels of `Dense` that does not end the
        model: which entries of kernels of either sign they move. Reported where that is nearly each
        weight of at most half of the units, and none of the others; not where what they become is
        fixed, as by a mask that prunes units.

    Source:
        keras-team/keras#7456, where a slice of columns was given for a constraint on one row.
    """

    code, name, stage = "CW217", "binds-one-unit", "build"
    numbers = ("of",)

    def find(self, evidence):
        ends = {made.layer for made in evidence.losses_of}
        for made in evidence.constraints:
            if not made.bound or made.record.layer.name in ends:
                continue
            inputs, units = made.record.shape
            yield self.at_weight(
                made,
                f"its constraint {made.text} binds all {inputs} weights of unit "
                f"{listed(made.bound, _MOST)}, and none of the other units, which were drawn "
                "alike: a rule for an input would hold for a row",
                "the kernel is (inputs, units): slice rows for an input, w[-1:] for the last, and "
                "put them together along axis=0",
                {"units": list(made.bound), "of": units},
            )
