"""CW511 loss-outweighed."""

from constrainit.doctor.rules._rule import Rule, percent

TIMES = 1e3
"""Losses of which one is fewer times as large as the other share what they share well enough."""


class LossOutweighed(Rule):
    """The loss of one output is so much larger than that of another that this one is not learnt.

    The losses of all outputs are added up, and layers that lead to several of them follow the sum.
    A squared error of prices in the hundred thousands is 1e10, the cross-entropy beside it 0.7: the
    shared layers are trained for the price, and what the other output is computed from changes with
    each of their steps. The sum falls, or hardly does; the smaller loss is lost in its last digits.

    Example:
        keras.utils.set_random_seed(0)
        x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        y = [3e5 + 1e5 * x[:, :1], (x[:, 1:2] > 0) * 1.0]
        h = inputs = keras.Input((4,))
        h = layers.Dense(16, "tanh")(layers.Dense(16, "tanh")(h))
        model = keras.Model(inputs, [layers.Dense(1)(h), layers.Dense(1, "sigmoid")(h)])
        model.compile(keras.optimizers.Adam(0.01), ["mse", "binary_crossentropy"])
        ci.diagnose(model, x, y)

    Use instead:
        keras.utils.set_random_seed(0)
        x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        y = [x[:, :1], (x[:, 1:2] > 0) * 1.0]  # (price - mean) / deviation
        h = inputs = keras.Input((4,))
        h = layers.Dense(16, "tanh")(layers.Dense(16, "tanh")(h))
        model = keras.Model(inputs, [layers.Dense(1)(h), layers.Dense(1, "sigmoid")(h)])
        model.compile(keras.optimizers.Adam(0.01), ["mse", "binary_crossentropy"])
        ci.diagnose(model, x, y)

    Known limits:
        Asked where the largest loss counts more than a thousand times as much as the least one, of
        the least one: reported if 100 steps take a fifth off its loss where it is the only one, and
        all of the losses together not half of that.
        Not asked of models that were trained before, whose steps are dear, whose loss weights may
        change, or of losses of which one output has several.

    Source:
        StackOverflow threads on models of several outputs; Kendall, Gal and Cipolla, Multi-task
        learning using uncertainty to weigh losses (2018), figure 2.
    """

    code, name, stage = "CW511", "loss-outweighed", "training"
    numbers = ("times", "share", "loss_beside", "loss_alone")

    def find(self, evidence):
        made = evidence.overruled
        if made is None:
            return
        small, large = made.losses
        first, given, alone = made.course
        share = (
            f", and at most {percent(made.share)} of the gradient of a weight that both share"
            if made.share is not None
            else ""
        )
        yield self.made(
            f"the loss of the output {made.large.name!r} counts {large:.4g} at the start, and that "
            f"of {made.small.name!r} {small:.4g}: {small / large:.2g} of it{share}. {made.steps} "
            f"steps take the loss of {made.small.name!r} from {first:.4g} to {given:.4g}, and to "
            f"{alone:.4g} where it is the only one",
            f"bring the losses to within a factor of {TIMES:g}: scale the targets of "
            f"{made.large.name!r} to mean zero and deviation one, take a mean where its loss is a "
            "sum, or give loss_weights",
            {"times": large / small, "loss_beside": given, "loss_alone": alone}
            | ({} if made.share is None else {"share": made.share}),
        )  # fmt: skip
