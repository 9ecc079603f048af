"""CW218 binds-nothing."""

from constrainit.doctor.rules._rule import Rule, percent

_MANY = 0.05


class BindsNothing(Rule):
    """A constraint gives back every weight as it is.

    Keras calls a constraint with the weight that the optimizer has moved already. A mask that is
    made of that weight, such as `w != 0`, is one everywhere: what was pruned comes back at the
    first step.

    Example:
        class StaysPruned(keras.constraints.Constraint):
            def __call__(self, w):
                return w * ops.cast(ops.not_equal(w, 0.0), w.dtype)
        [layers.Dense(8, kernel_constraint=StaysPruned(), kernel_initializer="identity")]

    Use instead:
        mask = np.eye(4, 8) == 0
        [layers.Dense(8, kernel_constraint=ci.Fixed(mask, 0.0), kernel_initializer="identity")]

    Known limits:
        A set, or a constraint of Keras, is a note where it leaves the start alone, and random
        entries ten thousand times as large as that, as small, and zero: so wide a bound may be
        meant against what runs away. It is not asked of weights of more than 100,000 entries.
        Asked of constraints of the user's own that leave the start alone, with three random
        weights, small and large, a third of whose entries are zero. A note, as it may be off for
        now, and a warning where at least 5 % of the weights start at zero and half of these are not
        at zero after the steps.

    Source:
        `Optimizer.apply` in Keras' `base_optimizer.py`: constraints run on the updated variables.
    """

    code, name, stage = "CW218", "binds-nothing", "training"
    numbers = ("zero_at_start", "zero_after")

    def find(self, evidence):
        for made in evidence.constraints:
            if not made.idle:
                continue
            if not made.custom:
                yield self._of_set(made)
                continue
            began, left = made.zeroed[0], made.zeros_left
            lost = left is not None and began > _MANY and left < 0.5 * began
            more = (
                f", and of the {percent(began)} of its entries that start at zero the steps leave "
                f"{percent(left or 0.0)}: it is called with what an update has moved already"
            )
            yield self.at_weight(
                made,
                f"its constraint {made.text} gives back every weight as it is"
                + (more if lost else ", small or large, of either sign"),
                "keep what must not move from the start, such as the mask: "
                "ci.Fixed(mask, 0.0) holds the entries where the mask is true"
                if lost
                else "leave it out, or let it return the nearest weight that it allows",
                {"zero_at_start": began, "zero_after": left},
                level="warning" if lost else "info",
            )

    def _of_set(self, made):
        """A set that has all weights in it that a training comes to."""
        largest = max(abs(made.start.minimum), abs(made.start.maximum))
        return self.at_weight(
            made,
            f"its set ({made.text}) leaves every weight as it is, also entries ten thousand times "
            f"as large as it starts with (up to {largest:.3g})",
            "a guard against what runs away may be so wide; else give a bound that weights come "
            "to, look at the axis, or leave it out",
            {"zero_at_start": made.zeroed[0]},
            level="info",
        )
