"""CW609 penalty-outweighs."""

import math

from constrainit.doctor.rules._rule import Rule, percent

_TIMES = 3.0
_LEFT = 0.9


class PenaltyOutweighs(Rule):
    """A penalty is larger than the loss of the data, and the steps follow it alone.

    A regularizer sums over all entries, while a loss is a mean over the examples: what is small
    for one weight is large for a table of thousands. The loss falls, but by the penalty only; the
    weights go to zero, where products of them have no gradient that could bring them back.

    So it is with what a layer adds to the loss: a divergence that is summed over the numbers of a
    code, beside an error that is the mean over those of a picture, takes all from the code that it
    could tell, and every picture comes out the same.

    And with a penalty on weights whose constraint says how large they are, such as a square of
    weights of norm one: it stays what it is, and an optimizer that divides by the size of the
    gradient takes small steps for the data.

    And with a penalty on a weight that a layer takes the exponential of, or another map for which
    zero is not nothing: it pulls every effect to one.

    Example:
        keras.utils.set_random_seed(0)
        large = keras.regularizers.L1(0.5)
        layer = layers.Dense(32, use_bias=False, kernel_regularizer=large)
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        ci.diagnose(model, np.eye(4), 3 * np.ones((4, 32)))

    Use instead:
        keras.utils.set_random_seed(0)
        small = keras.regularizers.L1(1e-4)
        layer = layers.Dense(32, use_bias=False, kernel_regularizer=small)
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        ci.diagnose(model, np.eye(4), 3 * np.ones((4, 32)))

    Known limits:
        Reported where penalties are more than half of the loss at the start, the loss of the data
        does not fall by 2 % in the steps while they fall, the gradient of all weights is three
        times as large with them as without, and a weight loses a tenth of itself. By training is
        asked what layers add to the loss, by `add_loss` or as a penalty on their outputs, where it
        is more than a quarter of the loss at the start (a hundredth, where what the model gives
        varies over the batch by less than three tenths of what the targets do), and penalties on
        weights where they are more than a tenth: reported is what leaves a model that tells nothing
        of its targets after 100 steps, if as many without it take three tenths more off the loss of
        the data. The loss may fall all the same, from that of a start at random to that of a
        constant. What layers add may leave something learnt, too: where the loss of the data is
        then at least a quarter of that with the targets of other examples, and a third of it at
        most without, if examples that are not trained on have half the loss without, too. Where
        nine tenths of the penalties are the same for three members of the sets, the data may be
        learnt with them, and has half the loss without. So may it be where all penalties are on
        weights of the user's own layers and the loss of the data is four times as high with these
        at zero: it then has to be seven tenths without in 200 steps, of examples that are not
        trained on, too. With how much less of it the data is learnt is tried in a few steps of
        size, first divided by the number of targets of an example. Not looked at are the weight
        decay of an optimizer, and models whose steps are dear.

    Source:
        `keras.regularizers.L1` and `L2` are sums over the weight; keras-team/tf-keras#16. The
        gradients are those of a step with and without the penalties.
    """

    code, name, stage = "CW609", "penalty-outweighs", "training"
    numbers = (
        "share", "times", "left", "data_loss", "data_loss_after", "data_loss_alone",
        "data_loss_at_zero",
    )  # fmt: skip

    def find(self, evidence):
        if evidence.swamped is not None and not evidence.swamped.weights:
            yield self._of_added(evidence)
        swamped = evidence.swamped
        off = swamped is not None and swamped.at_zero is not None
        told = [] if off else list(self._of_gradients(evidence))
        yield from told
        if swamped is not None and swamped.weights and not told:
            yield self._of_weights(evidence)

    def _of_gradients(self, evidence):
        """Weights that penalties move, and the data do not."""
        steps = max(len(evidence.losses) - 1, 1)
        for made in evidence.outweighed:
            if made.times_of_all < _TIMES or made.left > _LEFT:
                continue
            if made.left > 0 and made.times < _TIMES:
                continue
            zero = math.ceil(steps / (1 - made.left)) if made.left > 0 else 0
            then = f", and nothing after {zero} at this pace" if zero else ""
            before, after = made.losses
            yield self.made(
                f"penalties are {percent(made.share)} of the loss, and its gradient is "
                f"{made.times:.3g} times as large with them as without: {percent(made.left)} of it "
                f"is left after {steps} steps{then}, while the loss of the data goes from "
                f"{before:.4g} to {after:.4g}",
                f"a penalty about {made.scale:g} times as strong: it is a sum over the weight, "
                "while the loss is a mean over the examples",
                {"share": made.share, "times": made.times, "left": made.left,
                 "data_loss": before, "data_loss_after": after},
                layer=made.record.layer.name, weight=made.record.path,
            )  # fmt: skip

    def _of_weights(self, evidence):
        """Penalties on weights, with which nothing is learnt of the data."""
        made = evidence.swamped
        before, after = made.losses
        first = next(r for r in evidence.weights if r.path == made.weights[0])
        others = len(made.weights) - 1
        where = f"on it and {others} more" if others else "on it"
        numbers = {
            "share": made.share, "data_loss": before, "data_loss_after": after,
            "data_loss_alone": made.alone,
        }  # fmt: skip
        if made.held:
            return self.made(
                f"penalties {where} are {percent(made.share)} of the loss, and the constraint "
                f"keeps them as they are: no step makes them smaller, but the optimizer follows "
                f"their gradient. In {made.steps} steps the loss of the data goes from "
                f"{before:.4g} to {after:.4g}, without penalties to {made.alone:.4g}",
                "no penalty on a weight whose constraint says how large it is",
                numbers, layer=first.layer.name, weight=first.path,
            )  # fmt: skip
        if made.at_zero is not None:
            return self.made(
                f"penalties {where} are {percent(made.share)} of the loss, and pull to zero, where "
                f"the loss of the data is {made.at_zero:.4g} (it starts at {before:.4g}): zero is "
                "not nothing for what the layer computes, as it is for a logarithm, whose "
                f"exponential is one. In {made.steps} steps the loss of examples that "
                f"are not trained on goes to {after:.4g}, without penalties to {made.alone:.4g}",
                "no penalty on it, or one on what is computed from it, such as "
                "self.add_loss(0.01 * ops.sum(ops.exp(w)))",
                {**numbers, "data_loss_at_zero": made.at_zero},
                layer=first.layer.name, weight=first.path,
            )  # fmt: skip
        by = f"{made.scale:g} times as strong" if made.scale else "many times weaker, or none"
        return self.made(
            f"penalties {where} are {percent(made.share)} of the loss. In {made.steps} steps the "
            f"weights go to where the model learns nothing of its targets, and the loss of the "
            f"data from {before:.4g} to {after:.4g}, that of a constant; without penalties it goes "
            f"to {made.alone:.4g}",
            f"penalties {by}: each is a sum over the weight, while the loss is a mean over the "
            "examples",
            numbers,
            layer=first.layer.name,
            weight=first.path,
        )

    def _of_added(self, evidence):
        """What a layer adds to the loss, with which nothing is learnt of the data."""
        made = evidence.swamped
        before, after = made.losses
        model = evidence.outputs[-1].layer
        learnt = "the model learns nothing of its targets" if made.blind else "is far from learnt"
        by = f"add {made.scale:.3g} times as much" if made.scale else "weigh what is added"
        return self.made(
            f"what {made.layer!r} adds to the loss is {percent(made.share)} of it. In {made.steps} "
            f"steps the loss of the data goes from {before:.4g} to {after:.4g} and {learnt}; "
            f"without what is added it goes to {made.alone:.4g}",
            f"{by}: where it is a sum and the loss of the data a mean, divide it by how many "
            "entries that is a mean of, or by more, and raise its weight slowly; or sum both",
            {
                "share": made.share, "data_loss": before, "data_loss_after": after,
                "data_loss_alone": made.alone,
            },
            layer="" if made.layer == model else made.layer,
        )  # fmt: skip
