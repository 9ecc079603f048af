"""CW612 loss-switched-off."""

from constrainit.doctor.rules._rule import Rule, percent


class LossSwitchedOff(Rule):
    """A trained weight multiplies the loss, and nothing that the model predicts.

    The loss is a straight line in the size of such a weight, so that nothing is better than zero: a
    weight of a task, of a residual or of an example that is learnt with all others switches its own
    part of the loss off. The loss falls to nothing, the gradients with it, and the predictions stay
    what they are.

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
        Looked for among the first eight positive vectors and numbers of the user's own layers,
        after the steps, in models whose steps are cheap. The constraint must allow a weight that is
        smaller by as much, as that of shares that sum to one does not.

    Source:
        rotmanfinhub/deep-macrofin#35, ifzhang/FairMOT#249. What holds such a weight up is a term
        minus its logarithm: Kendall, Gal and Cipolla, Multi-Task Learning Using Uncertainty to
        Weigh Losses (2018).
    """

    code, name, stage = "CW612", "loss-switched-off", "training"

    def find(self, evidence):
        for made in evidence.switches:
            yield self.made(
                f"it multiplies {percent(made.share)} of the loss and nothing that the model "
                "predicts: the loss is least where it is zero, and then trains nothing",
                "do not train it (trainable=False), or add what holds it up to the loss, such as "
                "minus the sum of its logarithm",
                {"share": made.share},
                layer=made.record.layer.name, weight=made.record.path,
            )  # fmt: skip
