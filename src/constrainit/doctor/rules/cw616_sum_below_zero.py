"""CW616 sum-below-zero."""

from constrainit.doctor.rules._rule import Rule

_NOTICEABLE = 0.01


class SumBelowZero(Rule):
    """Outputs are negative, although a last layer keeps its weights from it and no target is.

    A kernel and a bias of at least zero make the output rise with the inputs of that layer. They
    keep its sign only where these inputs have one, as behind `relu`; behind a normalization, a tanh
    or a leaky rectifier they have both, and so has the sum.

    Example:
        model = keras.Sequential([
            keras.Input((4,)), layers.BatchNormalization(),
            layers.Dense(1, "linear", True, "ones", kernel_constraint="non_neg",
                         bias_constraint="non_neg"),
        ])
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, x, np.exp(x[:, :1]))

    Use instead:
        model = keras.Sequential([
            keras.Input((4,)), layers.BatchNormalization(),
            layers.Dense(1, "softplus"),
        ])
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, x, np.exp(x[:, :1]))

    Known limits:
        Asked only of a last layer without an activation whose kernel and bias, if it has one, are
        both kept from being negative: a kernel alone may be so for the output to rise. Reported
        where the least output after the steps is below zero by a hundredth of the largest target.

    Source:
        rstudio/keras3#418.
    """

    code, name, stage = "CW616", "sum-below-zero", "training"
    numbers = ("lowest", "target_low")

    def find(self, evidence):
        for made in evidence.losses_of:
            target = made.target
            of_classes = made.logits is not None or made.classes is not None
            if of_classes or not made.goals or not made.below < -_NOTICEABLE * abs(target.high):
                continue
            yield self.made(
                f"its outputs go down to {made.below:.3g} after the steps, and no target is below "
                f"{target.low:.3g}: its kernel and bias are kept from being negative, but what "
                "they multiply is not",
                "give the layer an activation that is not negative, such as softplus, in place of "
                "the constraints, unless the output is to rise with its inputs",
                {"lowest": made.below, "target_low": target.low},
                layer=made.layer,
            )
