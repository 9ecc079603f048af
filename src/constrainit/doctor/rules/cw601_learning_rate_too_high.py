"""CW601 learning-rate-too-high."""

from constrainit.doctor.rules._rule import Rule


class LearningRateTooHigh(Rule):
    """The same model trains with a lower learning rate and nothing else changed.

    Steps that are too long overshoot, and overshoot further each time; the loss grows until it is
    not finite, or units die. It is often taken for a fault of a constraint.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(2.0), "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.2), "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Tried are a tenth, a hundredth and a thousandth of the rate, and a 10^5th, 10^7th and
        10^9th of one whose first step moves a weight by thirty times its norm; and only where
        nothing else that was found explains the fault. Twenty steps on one batch say nothing of
        the hundredth epoch.

    Source:
        Measured: the training is repeated from the same start.
    """

    code, name, stage = "CW601", "learning-rate-too-high", "training"
    numbers = ("rate", "lower_rate")

    def find(self, evidence):
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
