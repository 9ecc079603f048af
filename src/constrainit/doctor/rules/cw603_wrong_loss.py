"""CW603 wrong-loss."""

import math

from constrainit.doctor._penalty import FELL, falls
from constrainit.doctor.rules._of_own_losses import told_shares, told_turned
from constrainit.doctor.rules._rule import Rule

_BOUNDED = ("sigmoid", "softmax", "hard_sigmoid")

_ONE = 1e-5
"""By how much a sum of one may differ from it by rounding."""


class WrongLoss(Rule):
    """A loss takes something else than what it is given.

    A cross-entropy may take something else than what the last layer gives.

    With `from_logits=True` the loss applies the softmax or sigmoid itself; after an activation
    that has done so, gradients become tiny. With `from_logits=False` it takes logarithms of the
    outputs; those of a linear layer are negative, and are clipped, without a gradient.

    A loss of a class of its own is also told when it broadcasts targets of the shape `(batch,)`
    against predictions `(batch, 1)`: it then compares all pairs of examples. A loss of Keras
    broadcasts the one target of an example over the predictions for all steps of a series, and one
    column of targets over all units of the last layer, which are then trained to give the same. Of
    several columns it trains one unit to give what lies between them.

    Of several classes, `categorical_crossentropy` takes a column for each of them, one-hot, and
    `sparse_categorical_crossentropy` their numbers, from zero. Both share one between the classes:
    of a single unit that is one whatever it gives, and nothing is learnt.

    A function whose first argument is called `y_pred` and the second `y_true` is given them the
    other way around: Keras calls a loss with the targets first. What is not the same for both is
    then made small by predictions that leave the targets. So is one with its sign turned, which is
    largest where predictions are the targets: it falls, and they become the opposite.

    Minus the sum of `y * log(p)` is the likelihood of shares, which add up to one. Of predictions
    that do not, as where a softmax runs along the wrong axis, it falls without telling anything.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model

    Known limits:
        Of losses of the user's own the names of their arguments are read, and whether it matters
        which comes first; where labels are 0 and 1 and the loss hardly falls in a model whose steps
        are cheap, 100 steps are taken on one half of the examples, and as many with these
        exchanged: that is told if the loss of the other half is seven tenths of itself, or of that
        with labels of other examples, and loses four fifths with them exchanged. A loss of the
        user's own of targets that are numbers, in the shape of the predictions, is asked what the
        targets cost as predictions: it has its sign turned if that is more than a step off them to
        either side does, than the targets of other examples and than their opposite, and if 100
        steps on one half of the examples with it the other way up bring the predictions for the
        other half to a correlation of 0.3 with their targets, and 0.5 above that with it as given.
        One that does not look at where targets are zero, and falls wherever the others grow, is
        told of if the predictions of an example add up to more than 1.2 on average. A linear output
        is reported only if it has been outside [0, 1] on the batch; where it adds up to one, as
        differences of cut points do that are not in order, logits are not meant, and a constraint
        of its layer that fails, or starts outside, is the cause. One target for several units is
        reported also where it is meant, as for the members of an ensemble: give each of them its
        own column. So are several columns for one unit, as of measurements that were repeated: give
        it their mean.

    Source:
        `keras.losses`, argument `from_logits`; the missing softmax of UMLAUT (Schoop et al., 2021).
    """

    code, name, level, stage = "CW603", "wrong-loss", "warning", "loss"
    numbers = (
        "pairs", "loss", "loss_turned", "units", "columns", "classes", "single", "shares",
        "loss_as_given", "loss_exchanged", "loss_of_others", "loss_of_the_opposite", "correlation",
        "correlation_turned", "total", "loss_of_shares",
    )  # fmt: skip

    def find(self, evidence):
        own = evidence.own if evidence.own is not None and evidence.own.pairs else None
        if own is not None or evidence.pairs:
            does = "compute_loss"
            if own is not None:
                does = "train_step does the same in whatever order the targets stand: it"
            yield self.made(
                "the targets have the shape (batch,) and the predictions (batch, 1), and its own "
                f"{does} compares each with the predictions of all examples: the best answer is "
                "their mean",
                "give it targets of the shape (batch, 1), such as y[:, None]",
                {"pairs": 1.0}, source=None if own is None else own.source,
            )  # fmt: skip
        for made in evidence.turned:
            first, second = made.names
            yield self.made(
                f"the loss {made.name} takes {first} first and {second} second, but Keras gives it "
                f"the targets first: it is {made.losses[0]:.4g} so, and {made.losses[1]:.4g} with "
                "the two the other way around",
                f"let it take the targets first: def {made.name}({second}, {first})",
                {"loss": made.losses[0], "loss_turned": made.losses[1]},
                level="warning" if math.isfinite(made.losses[0]) else "error",
            )  # fmt: skip
        labels = evidence.exchanged_labels
        if labels is not None:
            first, given = labels.losses
            begin, other, mixed = labels.exchanged
            yield self.made(
                "it learns next to nothing of labels of 0 and 1 that it takes the other way around:"
                f" of examples that are not trained on the loss goes from {first:.4g} to "
                f"{given:.4g} in {labels.steps} steps, and with 1 and 0 exchanged from {begin:.4g} "
                f"to {other:.4g} (with the labels of other examples, {mixed:.4g})",
                "look at which label stands for what in the loss, as a contrastive one takes 1 "
                "for pairs that are alike, or for those that are not: exchange its two parts, or "
                "the labels, 1 - y",
                {"loss_as_given": given, "loss_exchanged": other},
            )  # fmt: skip
        made = evidence.costly_truth
        if made is not None:
            (truth, others, opposite), (given, turned) = made.losses, made.correlations
            numbers = {
                "loss": truth, "loss_of_others": others, "loss_of_the_opposite": opposite,
                "correlation": given, "correlation_turned": turned,
            }  # fmt: skip
            yield self.made(*told_turned(made), numbers)
        made = evidence.sums_of_shares
        if made is not None:
            given, divided = made.losses
            numbers = {"total": made.total, "loss": given, "loss_of_shares": divided}
            yield self.made(*told_shares(made), numbers, layer=made.layer)
        for made in evidence.losses_of:
            if made.pairs:
                message = (
                    f"the targets have the shape (batch,) and the predictions (batch, 1): the loss "
                    f"{made.name} compares each target with the predictions of all examples, and "
                    "the best answer is their mean"
                )
                fix = "give it targets of the shape (batch, 1), such as y[:, None]"
            elif made.layout:
                shape = f"(batch, {', '.join(map(str, made.layout))})"
                message = (
                    f"the targets of an example are as many as its predictions, of the shape "
                    f"{shape}, and in another layout: the loss {made.name} compares each with all "
                    "of the others, and the best answer is their mean"
                )
                fix = f"give it targets of the shape {shape}, such as y.reshape(-1, {shape[8:]}"
            elif made.each > 1:
                message = (
                    f"the loss {made.name} compares the one target of an example with each of its "
                    f"{made.each} predictions: the model learns to answer at every place"
                )
                fix = (
                    f"give one prediction for an example: return_sequences=False in {made.along!r}"
                    if made.along
                    else "give one prediction for an example: put a pooling over them, or a "
                    "Flatten, before the last layers"
                )
            elif made.units > 1:
                message = (
                    f"the targets have one column and the predictions {made.units}: the loss "
                    f"{made.name} compares each target with all of them, which are trained to be "
                    "the same"
                )
                fix = (
                    f"give the last layer one unit, or each of its {made.units} a column of the "
                    "targets; for classes take sparse_categorical_crossentropy"
                )
            elif made.columns > 1:
                message = (
                    f"the targets have {made.columns} columns and the predictions one: the loss "
                    f"{made.name} compares it with all of them, and the best answer is what lies "
                    "between them"
                )
                fix = (
                    f"give the last layer {made.columns} units, or the loss the one column that is "
                    "meant, such as y[:, :1]"
                )
            # A model that trains all the same turns its labels itself.
            elif (made.numbered or made.spread) and not evidence.losses:
                yield self._of_labels(made)
                continue
            # So does one that makes several shares of it.
            elif made.single and not _learns(evidence):
                yield self._of_one(made)
                continue
            elif made.logits and made.activation in _BOUNDED:
                message = (
                    f"the loss {made.name} takes logits (from_logits=True), but the output has "
                    f"passed {made.activation} already"
                )
                fix = f"take {made.activation} off the last layer, or write from_logits=False"
            elif made.logits is False and _outside(made) and adds_up(made):
                yield self._of_shares(made)
                continue
            elif made.logits is False and made.activation not in _BOUNDED and _outside(made):
                assert made.predicted is not None
                message = (
                    f"the loss {made.name} takes probabilities (from_logits=False), but the output "
                    f"lies in [{made.predicted.lowest:.3g}, {made.predicted.highest:.3g}]"
                )
                fix = "write from_logits=True, or give the last layer a sigmoid or softmax"
            else:
                continue
            layer = made.along or made.layer
            numbers = {"units": made.units} if made.units > 1 else {"from_logits": made.logits}
            numbers = {"columns": made.columns} if made.columns > 1 else numbers
            numbers = {"pairs": math.prod(made.layout)} if made.layout else numbers
            yield self.made(message, fix, numbers, layer=layer)

    def _of_shares(self, made):
        """Differences that add up to one, some of which are below zero."""
        return self.made(
            f"the loss {made.name} takes probabilities, and the output adds up to one, but some of "
            f"it is below zero: it lies in [{made.predicted.lowest:.3g}, "
            f"{made.predicted.highest:.3g}]",
            "keep in order what they are the differences of, such as cut points that rise, with "
            "constrainit.Monotone() and a start inside of it",
            {"shares": made.classes}, layer=made.layer,
        )  # fmt: skip

    def _of_one(self, made):
        """A share of one between classes, for a single unit."""
        does = "takes a softmax over" if made.logits else "divides by the sum over"
        low, high = made.target.low, made.target.high
        if low >= 0 and high <= 1:
            last = "" if made.logits else ", with a sigmoid in the last layer"
            fix = f"take binary_crossentropy{last}, or give the last layer a unit for each class"
        else:
            fix = (
                "give the last layer a unit for each class and take "
                "sparse_categorical_crossentropy for their numbers, from zero; for numbers that "
                "are no classes take a loss of distances, such as mse"
            )
        return self.made(
            f"the loss {made.name} {does} the classes, and the last layer has a single unit: its "
            "share is 1 whatever it gives, and nothing is learnt",
            fix, {"single": 1}, level="error", layer=made.layer,
        )  # fmt: skip

    def _of_labels(self, made):
        """Numbers of classes for a loss that takes a column for each, or the other way around."""
        if made.numbered:
            y = f"y - {made.first}" if made.first else "y"
            other, turned = "sparse_categorical_crossentropy", f"keras.utils.to_categorical({y})"
            message = (
                f"the loss {made.name} takes a column of targets for each of the {made.numbered} "
                "classes, but the targets are their numbers"
            )
            if made.first:
                other += f" of labels from zero, {y},"
                message += f", and go from {made.first} to {made.target.high:.0f}, not from 0"
        else:
            other, turned = "categorical_crossentropy", "y.argmax(-1)"
            message = (
                f"the loss {made.name} takes the numbers of the classes, but the targets have a "
                f"column for each of the {made.spread}"
            )
        return self.made(
            message, f"take {other}, or write the labels as {turned}",
            {"classes": made.numbered or made.spread}, level="error", layer=made.layer,
        )  # fmt: skip


def adds_up(made):
    """Whether what is predicted of the classes seems to add up to one, as its mean tells."""
    if not made.classes or made.predicted is None:
        return False
    return abs(made.predicted.mean * made.classes - 1) < _ONE


def _learns(evidence):
    """Whether the loss of the data falls in the steps."""
    if len(evidence.penalties) > 1:
        return falls(evidence)
    losses = evidence.losses
    return bool(losses) and losses[-1] < (1 - FELL) * losses[0]


def _outside(made):
    return made.predicted is not None and (
        made.predicted.lowest < 0 or made.predicted.highest > 1.001
    )
