"""CW221 shared-statistics."""

from constrainit.doctor.rules._rule import Rule

_APART = 1.0
_SIZES = 2.0
"""From so many deviations, or such a ratio of them, on inputs are of different statistics."""

_VISIBLE = 0.1
"""What prediction costs more has to be this share of the loss at the start, too."""


class SharedStatistics(Rule):
    """A normalization is called on inputs of quite different statistics, for which it keeps one.

    In training each call of a `BatchNormalization` uses the mean and the variance of its own batch.
    In prediction all calls use the moving ones, a mixture that fits none of them. The loss of
    training falls, and that of the same examples in prediction does not: no number of steps helps,
    nor does another momentum.

    Example:
        keras.utils.set_random_seed(0)
        both, norm = keras.Input((2, 4)), layers.BatchNormalization(momentum=0.9)
        parts = layers.Concatenate()([norm(both[:, 0]), norm(both[:, 1])])
        model = keras.Model(both, layers.Dense(1)(layers.Dense(16, "relu")(parts)))
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = np.random.default_rng(0).normal(size=(64, 2, 4))
        x[:, 1] += 20.0
        ci.diagnose(model, x, x[:, 0, :1])

    Use instead:
        keras.utils.set_random_seed(0)
        both = keras.Input((2, 4))
        norms = [layers.BatchNormalization(momentum=0.9) for _ in range(2)]
        parts = layers.Concatenate()([norm(both[:, i]) for i, norm in enumerate(norms)])
        model = keras.Model(both, layers.Dense(1)(layers.Dense(16, "relu")(parts)))
        model.compile(keras.optimizers.Adam(0.02), "mse")
        x = np.random.default_rng(0).normal(size=(64, 2, 4))
        x[:, 1] += 20.0
        ci.diagnose(model, x, x[:, 0, :1])

    Known limits:
        Asked of `BatchNormalization` in models whose steps are cheap. Reported where the mean of
        half of the units is a deviation away from what the moving one settles at, or the
        deviations of two calls differ by two, and where the loss of the batch after the steps,
        with the moving statistics at what they settle at, is twice that in training. Calls with a
        mask, and those of the steps of a model's own, are not looked at.

    Source:
        `BatchNormalization.call` of Keras; asked about in keras-team/keras#6623 and
        keras-team/keras#8794. Statistics of each source of their own: Li et al., Revisiting batch
        normalization for practical domain adaptation (2016).
    """

    code, name, stage = "CW221", "shared-statistics", "training"
    numbers = (
        "training_loss",
        "settled_loss",
        "apart",
        "calls",
        "least_deviation",
        "largest_deviation",
    )

    def find(self, evidence):
        made = evidence.moving
        if made is None:
            return
        training, _, settled = made.losses
        visible = _VISIBLE * abs(evidence.losses[0])
        shared = [one for one in made.norms if one.calls > 1 and _differ(one)]
        if not shared or not settled - training > max(abs(training), visible):
            return
        worst = max(shared, key=lambda one: one.apart)
        low, high = min(worst.sizes), max(worst.sizes)
        yield self.made(
            f"{worst.layer!r} is called {worst.calls} times on inputs of different statistics "
            f"(deviations from {low:.3g} to {high:.3g}, a mean up to {worst.apart:.3g} of them "
            "away from that of all). In training each call is normalized by itself, in prediction "
            "all by the same moving statistics: once these have settled, the batch costs "
            f"{settled:.3g} in place of {training:.3g}",
            "give each input a BatchNormalization of its own (the layers around it may be shared), "
            "bring the inputs to one scale before, or normalize each example by "
            "LayerNormalization; another momentum or more steps do not help",
            {
                "training_loss": training, "settled_loss": settled, "apart": worst.apart,
                "calls": worst.calls, "least_deviation": low, "largest_deviation": high,
            },
            layer=worst.layer,
        )  # fmt: skip


def _differ(one):
    """Whether the calls of a layer are given what one mean and one variance do not fit."""
    return one.apart > _APART or max(one.sizes) > _SIZES * min(one.sizes)
