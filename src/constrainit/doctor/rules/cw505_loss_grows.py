"""CW505 loss-grows."""

from constrainit.doctor.rules._rule import Rule
from constrainit.doctor.rules._symptoms import diverges, leaps


class LossGrows(Rule):
    """The loss of one and the same batch grows more than tenfold while the model trains on it.

    A step that is short enough lowers the loss of its own batch. That it grows says that the steps
    are too long for the model, the data, or the constraint that acts after each of them.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(2.0), "mse")
        model

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01), "mse")
        model

    Known limits:
        Growth a millionfold is reported even where it is over with the next step. A consequence,
        not a cause: what mends it is tried, and named by another rule. Growth that
        dropout or a random layer makes does not reach tenfold.

    Source:
        The bound of 10 separates the faulty models from the healthy ones among those collected.
    """

    code, name, stage = "CW505", "loss-grows", "training"
    numbers = ("loss", "loss_after")

    def find(self, evidence):
        if diverges(evidence):
            first, last = evidence.losses[0], evidence.losses[-1]
            steps = len(evidence.losses) - 1
            if leaps(evidence):
                last = max(evidence.losses[1:])
                steps = evidence.losses.index(last)
            yield self.made(
                f"the loss of the same batch grows from {first:.4g} to {last:.4g} in "
                f"{steps} step{'s' * (steps > 1)}",
                "a lower learning rate, scaled data, or a start inside the set: see what was tried",
                {"loss": first, "loss_after": last},
            )
