"""CW610 target-falls."""

from constrainit.doctor.rules._rule import Rule, percent

_MUCH = 0.35


class TargetFalls(Rule):
    """The model can only rise in each input, and the targets do not.

    Where no kernel may be negative, no output falls as an input grows. That is what a monotone
    model is for. An input-convex one needs it of the kernels between hidden layers alone: with
    kernels from the inputs that may not be negative it is monotone, too, and flat where the
    targets fall.

    Example:
        inside = ci.constrained(kernel=ci.NonNegative())
        hidden, last = layers.Dense(8, "softplus", **inside), layers.Dense(1, **inside)
        model = keras.Sequential([keras.Input((1,)), hidden, last])
        model.compile("adam", "mse")
        x = np.linspace(-1, 1, 64)[:, None]
        ci.diagnose(model, x, x**2)

    Use instead:
        inside = ci.constrained(kernel=ci.NonNegative())
        hidden, last = layers.Dense(8, "softplus"), layers.Dense(1, **inside)
        model = keras.Sequential([keras.Input((1,)), hidden, last])
        model.compile("adam", "mse")
        x = np.linspace(-1, 1, 64)[:, None]
        ci.diagnose(model, x, x**2)

    Known limits:
        Asked of a model with one array of inputs `(examples, inputs)` and one output, whose kernels
        all keep from being negative and whose output is found to rise or fall with each input. At
        least 35 % of the differences of the targets, between examples of which one is larger in
        every input, must go against it; targets that the five nearest examples do not tell half
        of are taken for noise.

    Source:
        Amos, Xu and Kolter, Input convex neural networks (2017), section 3: the weights from the
        input are free; github.com/locuslab/icnn#8.
    """

    code, name, stage = "CW610", "target-falls", "loss"
    numbers = ("against", "pairs", "loss_after")

    def find(self, evidence):
        made = evidence.falling
        if made is not None and made.share >= _MUCH:
            yield self.made(
                "no kernel may be negative, so that the output only rises, or only falls, with "
                f"each input, and the targets do not: {percent(made.share)} of their differences, "
                f"over {made.pairs} pairs of examples of which one is larger in every such input, "
                "go the other way",
                "constrain only the kernels of inputs that the target is monotone in; a convex "
                "model needs it between hidden layers, not for kernels from the input",
                {
                    "against": made.share, "pairs": float(made.pairs),
                    **({"loss_after": evidence.losses[-1]} if evidence.losses else {}),
                },
                layer=made.record.layer.name, weight=made.record.path,
            )  # fmt: skip
