"""CW614 dropout-rate."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule, percent


class DropoutRate(Rule):
    """A model does not train as its layers drop or drown most of what they are given.

    The rate of a dropout is the share that it sets to zero. In TensorFlow 1 the argument was
    `keep_prob`, the share that is kept: `Dropout(0.9)` with that in mind leaves a tenth of the
    units, ten times as large, and of three such layers a thousandth. In evaluation nothing is
    dropped, so that it is taken for a fault of the weights or the data.

    Example:
        keras.utils.set_random_seed(0)
        parts = [layers.Dense(16, "relu"), layers.Dropout(0.9), layers.Dense(16, "relu")]
        model = keras.Sequential([keras.Input((4,)), *parts, layers.Dropout(0.9), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        x = np.random.default_rng(0).normal(size=(256, 4))
        ci.diagnose(model, x, x.sum(axis=1, keepdims=True))

    Use instead:
        keras.utils.set_random_seed(0)
        parts = [layers.Dense(16, "relu"), layers.Dropout(0.1), layers.Dense(16, "relu")]
        model = keras.Sequential([keras.Input((4,)), *parts, layers.Dropout(0.1), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        x = np.random.default_rng(0).normal(size=(256, 4))
        ci.diagnose(model, x, x.sum(axis=1, keepdims=True))

    Known limits:
        Asked of rates above a half of Keras' own layers, all of them together, in models whose
        steps are cheap, with examples that are given. One half of them is trained on, the other
        tells the loss, with nothing dropped. Reported where what the layers keep, taken as their
        rate, halves the loss in 50 steps, and what they have gets less than half as far in 150, and
        not below twice that loss. Where what is dropped leaves the loss in training at three times
        what it began with, with nothing dropped, or more, one and a half times that loss is enough.
        Calls of `keras.random.dropout` are not seen. Random numbers in layers of the user's own are
        seen by what the model gives in training, several times: asked where more than half of its
        variance is of other draws, and the loss has not halved. The weights of a name and class are
        named whose start, times 0.05 or 0.01 or less five (seen through a softplus or an
        exponential), leaves less than a fifth, and a quarter of the loss of the other half after
        100 steps.

    Source:
        Blundell et al., Weight uncertainty in neural networks (2015), whose deviations are learnt;
        `keras.layers.Dropout`; tensorflow/tensorflow#24526 (`keep_prob` became `rate`);
        hunkim/DeepLearningZeroToAll#122 (one given for the other).
    """

    code, name, stage = "CW614", "dropout-rate", "training"
    numbers = (
        "rate", "unseen_loss", "unseen_loss_at_the_end", "unseen_loss_with_the_rest",
        "loss_in_training", "share", "unseen_loss_with_less",
    )  # fmt: skip

    def find(self, evidence):
        if evidence.loud_noise is not None:
            yield self._of_noise(evidence.loud_noise)
        made = evidence.drops
        if made is None:
            return
        first, given, kept = made.losses
        worst = max(made.places, key=lambda one: one.rate)
        names = list(dict.fromkeys(one.layer.name for one in made.places))
        each = "drops" if len(names) == 1 else "drop up to"
        noise = (
            f". With what they drop the loss in training is {made.noise:.4g} then: their noise is "
            "far more than the signal"
            if made.is_noise
            else ""
        )
        yield self.made(
            f"{listed(names)} {each} {percent(worst.rate)} of what they are given "
            f"({worst.argument}={worst.rate:g}): on examples that it is not trained on, the loss "
            f"goes from {first:.4g} to {given:.4g} in {made.steps} steps, and to {kept:.4g} in "
            f"{made.steps_kept} with {worst.argument}={1 - worst.rate:.3g}{noise}",
            "the rate is the share that is dropped, not the one that is kept: give 1 - keep_prob",
            {"rate": worst.rate, "unseen_loss": first, "unseen_loss_at_the_end": given,
             "unseen_loss_with_the_rest": kept, "loss_in_training": made.noise},
            layer=worst.layer.name,
        )  # fmt: skip

    def _of_noise(self, made):
        """Random numbers of the user's own, which drown what comes in."""
        first, given, quieter = made.losses
        record = made.records[0]
        how = f"times {made.factor:g}" if made.factor != 1 else f"{-made.shift:g} lower"
        others = f"; so is it for {listed([r.path for r in made.records[1:]])}"
        return self.made(
            f"{percent(made.share)} of the variance of what the model gives is noise that is drawn "
            f"anew at each call, scaled by {record.path}{others if made.records[1:] else ''}: on "
            f"examples that it is not trained on, the loss goes from {first:.4g} to {given:.4g} in "
            f"{made.steps} steps, and to {quieter:.4g} where that starts {how}, which leaves "
            f"{percent(made.quiet)} of noise",
            f"start {record.variable.name} so that deviations are a small part of what they are "
            "added to: at about -5 where they are seen through a softplus or an exponential",
            {"share": made.share, "unseen_loss": first, "unseen_loss_at_the_end": given,
             "unseen_loss_with_less": quieter},
            layer=record.layer.name, weight=record.path,
        )  # fmt: skip
