"""CW612 loss-switched-off."""

from constrainit.doctor.rules._rule import Rule, percent


class LossSwitchedOff(Rule):
    """A trained weight multiplies the loss, and nothing that the model predicts.

    The loss is a straight line in the size of such a weight, so that nothing is better than zero: a
    weight of a task, of a residual or of an example that is learnt with all others switches its own
    part of the loss off. The loss falls to nothing, the gradients with it, and the predictions stay
    what they are. So it is where the term that should hold the weight has the wrong sign, as in
    `exp(-s) * error - s`: the loss then falls below zero and on. Without such a term, it goes to
    nothing.

    Example:
        class Weighed(layers.Dense):
            def build(self, shape):
                super().build(shape)
                self.part = self.add_weight(initializer="ones", name="part")

            def call(self, x):
                self.add_loss(self.part * ops.mean(ops.square(self.kernel)))
                return super().call(x)

        keras.Sequential([keras.Input((4,)), Weighed(1)])

    Use instead:
        class Weighed(layers.Dense):
            def build(self, shape):
                super().build(shape)
                self.part = self.add_weight(initializer="ones", name="part", trainable=False)

            def call(self, x):
                self.add_loss(self.part * ops.mean(ops.square(self.kernel)))
                return super().call(x)

        keras.Sequential([keras.Input((4,)), Weighed(1)])

    Known limits:
        Looked for among the first eight positive vectors and numbers of the user's own layers, and
        the first eight without a constraint, after the steps, in models whose steps are cheap. The
        constraint must allow a weight that is smaller by as much, as that of shares that sum to one
        does not.

    Source:
        rotmanfinhub/deep-macrofin#35, ifzhang/FairMOT#249. What holds such a weight up is a term
        minus its logarithm: Kendall, Gal and Cipolla, Multi-Task Learning Using Uncertainty to
        Weigh Losses (2018).
    """

    code, name, stage = "CW612", "loss-switched-off", "training"
    numbers = ("loss_far_off", "share")

    def find(self, evidence):
        for made in evidence.switches:
            endless = made.share is None
            yield self.made(
                _endless(made) if endless else _multiplies(made),
                "see that a term of this sign holds it, as in `exp(-s) * error + s`, or do "
                "not train it (trainable=False)"
                if endless
                else "do not train it (trainable=False), or add what holds it up to the loss, such "
                "as minus the sum of its logarithm",
                {"loss_far_off": made.far} if endless else {"share": made.share},
                layer=made.record.layer.name, weight=made.record.path,
            )  # fmt: skip


def _multiplies(made):
    return (
        f"it multiplies {percent(made.share)} of the loss and nothing that the model predicts: the "
        "loss is least where it is zero, and then trains nothing"
    )


def _endless(made):
    if made.far >= 0:
        return (
            "the loss goes to nothing as it goes on the way that it takes, with the targets of "
            f"other examples, too: to {made.far:.3g} when it is 64 further, and what the model "
            "predicts stays the same. What it weighs counts for ever less"
        )
    return (
        "the loss falls without end as it goes on the way that it takes, to "
        f"{made.far:.3g} when it is 64 further, and what the model predicts stays the same"
    )
