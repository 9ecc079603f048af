"""CW222 late-statistics."""

import math

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule, percent

_LEFT = 0.05
_MANY = 100
"""Statistics that settle within fewer steps are not told of."""

_ENDLESS = 10_000
"""No training waits for so many; what predicts with them costs several times as much until then."""

_THOUSANDS = 3_000
"""Few trainings of one batch or two an epoch take so many. Networks of Keras have 0.999, less."""

_QUICK = 2_000
"""So many are far more than the weights need that have learned within the steps looked at."""

_LEARNED = 0.2
"""The share of the loss at the start that is left then, in training."""

_SEVERAL, _TIMES = 3.0, 10.0

_VISIBLE = 0.1
"""What prediction costs more has to be this share of the loss at the start, too."""


class LateStatistics(Rule):
    """Moving statistics need more steps than the weights until predictions are what was trained.

    A `BatchNormalization` predicts with moving statistics that begin at a mean of 0 and a variance
    of 1, and of which each step keeps 99 %. For inputs of another size, `evaluate` and the
    validation of the first epochs then tell of these statistics, and not of the weights. It is a
    note: with enough steps they settle by themselves. It is a warning with a momentum that takes
    more than ten thousand steps, as 0.9999 does, while predictions cost several times as much, and
    from three thousand steps on, as with 0.9995, where they cost more than before the first step;
    from two thousand on, as with 0.999, where the weights have learned long before.

    Example:
        keras.utils.set_random_seed(0)
        parts = [layers.BatchNormalization(), layers.Dense(16, "relu"), layers.Dense(1)]
        model = keras.Sequential([keras.Input((4,)), *parts])
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = np.random.default_rng(0).normal(size=(64, 4)) + 100.0
        ci.diagnose(model, x, x[:, :1] - 100.0)

    Use instead:
        keras.utils.set_random_seed(0)
        norm = layers.BatchNormalization(momentum=0.8)  # or inputs of about unit variance
        parts = [norm, layers.Dense(16, "relu"), layers.Dense(1)]
        model = keras.Sequential([keras.Input((4,)), *parts])
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = np.random.default_rng(0).normal(size=(64, 4)) + 100.0
        ci.diagnose(model, x, x[:, :1] - 100.0)

    Known limits:
        How many steps a training takes is not known: the note says how many these statistics need.
        It is a warning above 10000 steps, where prediction costs three times what it will, and
        above 3000 where it also costs more than the model did before any step. So it is above 2000
        where prediction costs that, ten times what it will, and the steps that are looked at have
        taken four fifths off the loss: a training that needs so few steps is over long before.
        Given where they take a hundred steps to come within 5 % of where they settle, and the loss
        of the batch after the steps that are looked at is, in prediction, twice what it is once
        they have settled. Looked at as by CW221.

    Source:
        `BatchNormalization` of Keras, whose `momentum` is 0.99; tensorflow/tensorflow#36446 and
        keras-team/keras#7265 ask why the loss in evaluation is so much larger.
    """

    code, name, level, stage = "CW222", "late-statistics", "info", "training"
    numbers = ("loss_in_prediction", "settled_loss", "momentum", "steps_needed")

    def find(self, evidence):
        made = evidence.moving
        late = [] if made is None else [one for one in made.norms if _needed(one) > _MANY]
        if made is None or not late:
            return
        _, now, settled = made.losses
        if not now - settled > max(abs(settled), _VISIBLE * abs(evidence.losses[0])):
            return
        slowest = max(late, key=_needed)
        needed, first = _needed(slowest), abs(evidence.losses[0])
        worse = needed > _THOUSANDS and now > first
        endless = (needed > _ENDLESS or worse) and now > _SEVERAL * abs(settled)
        learned = now > max(first, _TIMES * abs(settled)) and abs(settled) < _LEARNED * first
        endless = endless or (needed > _QUICK and learned)
        steps = len(evidence.losses) - 1
        names = listed([repr(one.layer) for one in late])
        way = 1 - slowest.momentum ** (steps * slowest.calls)
        yield self.made(
            f"after {steps} steps the batch costs {now:.3g} in prediction, and {settled:.3g} once "
            f"the moving statistics of {names} have settled: with "
            f"momentum={slowest.momentum:g} they have come {percent(way)} of the way, and 95 % "
            f"takes {needed} steps. Until then evaluate and validation tell of them, not "
            "of the weights",
            "judge by predictions only after so many steps, bring the inputs to unit variance, or "
            "give a smaller momentum, such as 0.9, where a training is shorter",
            {
                "loss_in_prediction": now, "settled_loss": settled,
                "momentum": slowest.momentum, "steps_needed": needed,
            },
            level="warning" if endless else "info", layer=slowest.layer,
        )  # fmt: skip


def _needed(one):
    """After how many steps statistics come within 5 % of where they settle."""
    if not 0 < one.momentum < 1:
        return 0
    return math.ceil(math.log(_LEFT) / math.log(one.momentum) / one.calls)
