"""CW601 learning-rate-too-high."""

from constrainit.doctor.rules._rule import Rule


class LearningRateTooHigh(Rule):
    """The same model trains with a lower learning rate and nothing else changed.

    Steps that are too long overshoot, and overshoot further each time; the loss grows until it is
    not finite, or units die. It is often taken for a fault of a constraint. Where a step is as long
    as the set of a weight is wide, its constraint throws it from bound to bound.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(2.0), "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.2), "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Of a step that is replayed the same is asked from the start that TARGET has, where the loss
        grows tenfold before it fails.
        Tried are a tenth, a hundredth and a thousandth of the rate, and a 10^5th, 10^7th and
        10^9th of one whose first step moves a weight by thirty times its norm; and only where
        nothing else that was found explains the fault. Steps across a set are told where an update
        is longer than half of its width, and a hundred steps on half of the batch that each go a
        hundredth of it take a fifth off the loss of the other half, a third of which the own ones
        miss. Twenty steps on one batch say nothing of
        the hundredth epoch.

    Source:
        Measured: the training is repeated from the same start.
    """

    code, name, stage = "CW601", "learning-rate-too-high", "training"
    numbers = ("rate", "lower_rate", "stride", "width")

    def find(self, evidence):
        if evidence.wide_steps is not None:
            yield self._across(evidence.wide_steps)
        before = evidence.trials.get("start")
        if before is not None:
            yield self._from_the_start(before, evidence)
        trial = evidence.trials.get("rate")
        if trial is not None:
            rate = trial.numbers["rate"]
            then = trial.evidence.losses
            yield self.made(
                f"with a learning rate of {rate:.3g} in place of {evidence.rate:.3g} the same "
                f"model trains on the same batch: the loss goes from {then[0]:.4g} to "
                f"{then[-1]:.4g} in {len(then) - 1} steps",
                f"lower the learning rate to {rate:.3g}",
                {"rate": evidence.rate, "lower_rate": rate},
            )

    def _from_the_start(self, trial, evidence):
        """A finding of a kept step, which no rate mends any more."""
        now, then, rate = trial.numbers, trial.evidence.losses, trial.numbers["rate"]
        return self.made(
            f"the steps before this one went too far: from the start that TARGET has, with the "
            f"batch of this step, a learning rate of {evidence.rate:.3g} takes the loss from "
            f"{now['first']:.4g} to {now['last']:.4g} in {now['steps']:.0f} steps, and one of "
            f"{rate:.3g} to {then[-1]:.4g} in {len(then) - 1}",
            f"lower the learning rate to {rate:.3g}, and begin anew",
            {"rate": evidence.rate, "lower_rate": rate},
        )

    def _across(self, seen):
        """A finding of steps from one bound of a set to the other."""
        first, given, short = seen.losses
        width = seen.high - seen.low
        return self.made(
            f"a step moves it by {seen.stride:.3g}, {seen.stride / width:.2g} times the width of "
            f"its set, which goes from {seen.low:.3g} to {seen.high:.3g}: its constraint throws it "
            f"from bound to bound. In {seen.steps} steps on half of the batch the loss of the "
            f"other half goes from {first:.4g} to {given:.4g}, and with a learning rate of "
            f"{seen.lower:.3g} in place of {seen.rate:.3g} to {short:.4g}",
            f"lower the learning rate to {seen.lower:.3g}, a hundredth of the width in each step; "
            "or keep such a weight in [0, 1] and scale it where it is used, so that all weights "
            "can have one rate",
            {"rate": seen.rate, "lower_rate": seen.lower, "stride": seen.stride, "width": width},
            layer=seen.record.layer.name, weight=seen.record.path,
        )  # fmt: skip
