"""CW613 schedule-ends-early."""

from constrainit.doctor.rules._rule import Rule, percent
from constrainit.doctor.rules.cw608_fading_rate import fades

_LEARNT = 0.5
"""Of what there is to learn, a short training that is meant to be one gets more than half."""

_FAR = 0.8

_FALLS = 0.6
"""A loss that as many steps again take to this share of itself was in the middle of its fall."""

_EPOCHS = 100
"""Of so many epochs are trainings. So few steps are seldom one."""


class ScheduleEndsEarly(Rule):
    """A schedule takes the learning rate to nothing while the model has most left to learn.

    Schedules count optimizer steps, one for each batch. With `decay_steps=EPOCHS` the rate is gone
    after so many batches, often in the first epochs; from then on the loss keeps the same digits,
    whatever else the model has.

    Example:
        keras.utils.set_random_seed(0)
        rate = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=30)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(rate), "mse")
        x = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, x, x.sum(axis=1, keepdims=True))

    Use instead:
        keras.utils.set_random_seed(0)
        rate = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=30 * 100)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(rate), "mse")
        x = np.random.default_rng(0).normal(size=(64, 4))
        ci.diagnose(model, x, x.sum(axis=1, keepdims=True))

    Known limits:
        Asked of schedules whose rate is below 2 % of its largest within 200 steps and stays there,
        in models whose steps are cheap and that have not been trained, with examples that are
        given. One half of them is trained on, the other tells the loss. Reported where the loss
        falls by less than half of what it falls by with a schedule five times as long, in twice the
        steps that the given one has, and is a fifth lower then. So it is where it falls by more, as
        a first guess far off makes it, if the longer one takes it two fifths lower still, in a
        hundred steps at most. A short training that leaves a tenth of the loss is let be. What
        fades within twenty steps is CW608, without a trial. Callbacks that set the rate are not
        seen.

    Source:
        `keras.optimizers.schedules`: `decay_steps` are optimizer steps. Such a mistake mended:
        mindee/doctr#374; asked about: tensorflow/tensorflow#46071.
    """

    code, name, stage = "CW613", "schedule-ends-early", "training"
    numbers = ("rate", "steps", "unseen_loss", "unseen_loss_at_the_end", "unseen_loss_with_more")

    def find(self, evidence):
        made = evidence.end
        if made is None or fades(evidence.rates):
            return
        first, given, longer = made.losses
        learnt = (first - given) / max(first - longer, 1e-30)
        falling = 0 <= longer < _FALLS * given and made.steps <= _EPOCHS
        if not (longer < given - (1 - _FAR) * abs(given) and (learnt < _LEARNT or falling)):
            return
        yield self.made(
            f"the schedule takes the learning rate from {made.rate:.3g} to {percent(made.left)} of "
            f"it in {made.steps} steps, for good: on examples that it is not trained on, the loss "
            f"goes from {first:.4g} to {given:.4g} and stays there, while with a schedule "
            f"{made.times} times as long it is {longer:.4g} after {2 * made.steps} steps",
            "schedules count optimizer steps, not epochs: decay_steps is the number of batches of "
            "an epoch, times the epochs that the decay should take",
            {"rate": made.rate, "steps": made.steps, "unseen_loss": first,
             "unseen_loss_at_the_end": given, "unseen_loss_with_more": longer},
        )  # fmt: skip
