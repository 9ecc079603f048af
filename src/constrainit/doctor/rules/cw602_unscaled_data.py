"""CW602 unscaled-data."""

from constrainit.doctor.rules._rule import Rule, beyond_bounds


class UnscaledData(Rule):
    """The same model trains if its data is brought to mean zero and deviation one.

    Layers, initializers and learning rates are made for numbers around one. Pixels up to 255 or
    prices in the millions saturate activations and make gradients a million times too long.

    Example:
        hidden = layers.Dense(8, activation="tanh")
        model = keras.Sequential([keras.Input((4,)), hidden, layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.arange(32.0).reshape(8, 4) * 30, np.arange(8.0)[:, None])

    Use instead:
        hidden = layers.Dense(8, activation="tanh")
        model = keras.Sequential([keras.Input((4,)), hidden, layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.arange(32.0).reshape(8, 4) / 16 - 1, np.arange(8.0)[:, None] / 8)

    Known limits:
        Tried only where something is wrong and an array of floats is larger than 10 in the mean.
        Whole numbers are taken for indices and left alone. Targets of that size are also reported
        where the loss falls by less than 1 % in the steps, 100 of them take a fifth off the loss of
        scaled targets, for examples that are not trained on, and of the given ones not a twentieth
        of that share: without a schedule, in models that were not trained before, whose steps are
        cheap and whose outputs have no bounds. So they are where a loss of the user's own falls to
        a fiftieth in the steps, as it begins far off, and 100 steps leave twice as much of it as
        they do of targets divided by their mean, at best and judged in the same units. Targets of
        any size are where all weights but biases have bounds, with which the outputs vary by a
        fifth of what the targets do at most, as where layers of a Lipschitz constant of one are to
        fit a steeper target: if 100 steps leave half of the loss that the targets of other examples
        have, and a quarter of that if scaled.

    Source:
        Measured: the training is repeated from the same start with the scaled batch. LeCun, Bottou,
        Orr and Mueller, Efficient BackProp (1998), section 4.3.
    """

    code, name, stage = "CW602", "unscaled-data", "forward"
    numbers = ("size", "loss", "loss_scaled")

    def find(self, evidence):
        far = evidence.far_targets
        if far is not None:
            (first, last), (begin, end) = far.given, far.scaled
            given, how = "far from what the model gives", "of mean zero and deviation one"
            fix = (
                "train on scaled targets and scale the predictions back, or let "
                "layers.Rescaling(deviation, mean) be the last layer"
            )
            if far.reach is not None:
                given = (
                    f"and vary by {far.spread:.3g}: the kernels are all bounded, and as large as "
                    f"they may be what the model gives varies by {far.reach:.2g}"
                )
                fix += ", which makes the model steeper by that"
            if far.divisor:
                how = f"divided by {far.divisor:g}, and what is predicted multiplied by it again,"
                fix = (
                    f"give the targets in units of {far.divisor:g}, and multiply by it what is "
                    "predicted in their units"
                )
            yield self.made(
                f"the targets {far.name} lie in [{far.low:.3g}, {far.high:.3g}], {given}: "
                f"{far.steps} steps take the loss of examples that are not trained on from "
                f"{first:.4g} to {last:.4g}, and with targets {how} from {begin:.4g} to {end:.4g}",
                fix,
                {"size": max(abs(far.low), abs(far.high)), "loss": last, "loss_scaled": end},
                stage="training",
            )  # fmt: skip
        trial = evidence.trials.get("data")
        if trial is not None:
            named = ", ".join(
                f"{d.name} [{d.low:.3g}, {d.high:.3g}]" for d in evidence.data if not d.integer
            )
            then = trial.evidence.losses
            lines = [
                f"; or let the bounds in line {one.source.line} reach as far as the data does"
                for one in beyond_bounds(evidence)
                if one.source
            ]
            usual = trial.change.startswith("the data")
            how = "mean zero and deviation one" if usual else trial.change
            yield self.made(
                f"the data is not scaled ({named}); with {how} the same "
                f"model trains: the loss goes from {then[0]:.4g} to {then[-1]:.4g}",
                "scale the data, for example with a Normalization layer adapted to it as the first "
                "layer (Rescaling(1/255) for pixels), and the targets likewise"
                + "".join(lines[:1]),
                {"size": max(abs(d.mean) + d.deviation for d in evidence.data if not d.integer)},
            )
