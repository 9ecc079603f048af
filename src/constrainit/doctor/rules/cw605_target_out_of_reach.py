"""CW605 target-out-of-reach."""

import math

from constrainit.doctor._evidence import DataEvidence, Evidence
from constrainit.doctor.rules._rule import Rule, percent

_MARGIN = 0.05
_FLOOR = 0.5
_EXACT = 1e-3

_LOGITS = 40.0
"""How far logits should be able to be apart: cosines are by two, and a scale of 20 is usual."""


def scale_for(apart: float) -> float:
    """What logits are to be multiplied by that can be so far apart."""
    return round(_LOGITS / apart, 1)


def _between(low, high):
    """An interval in words."""
    if math.isinf(low):
        return f"of at most {high:.3g}"
    return f"of at least {low:.3g}" if math.isinf(high) else f"between {low:.3g} and {high:.3g}"


def is_of_two(target: DataEvidence) -> bool:
    """Whether targets are nothing but their least and their largest entry."""
    # No other ones between these ends deviate as much from their mean.
    most = (target.mean - target.low) * (target.high - target.mean)
    return target.deviation > 0 and abs(target.deviation**2 - most) < _EXACT * most


def from_zero_to_one(target: DataEvidence) -> str:
    """What to write for targets of two numbers so that they are 0 and 1."""
    low, apart = target.low, target.high - target.low
    y = f"y - {low:g}" if low > 0 else f"y + {-low:g}" if low < 0 else "y"
    return y if apart == 1 else f"({y}) / {apart:g}" if low else f"y / {apart:g}"


def _shifted(target):
    if is_of_two(target):
        return from_zero_to_one(target)
    return "(y + 1) / 2 for labels of -1 and 1"


def _fix(made):
    if made.reaches:
        wider = "give one of these weights a wider bound, or none but its sign, or "
        return (
            f"{wider if made.held else ''}put a Dense behind it, whose kernel and bias scale and "
            "shift what it gives, or bring the targets to its range"
        )
    bias = "give it a bias without a constraint, or " if "not negative" in made.why else ""
    return (
        f"{bias}give the last layer no activation, or one whose range holds the targets, or scale "
        "the targets"
    )


def is_without_gradient(evidence: Evidence) -> bool:
    """Whether no weight of the model gets a gradient at any step."""
    return bool(evidence.gradients) and all(made.never for made in evidence.gradients)


class TargetOutOfReach(Rule):
    """The targets lie where the output can not go.

    A sigmoid gives numbers between zero and one, a rectified layer none below zero, and labels
    count from zero to the number of classes less one. Training pushes against the end of the range
    for ever; weights run off, units saturate or die. A cross-entropy takes shares between 0 and 1
    as targets; of a label of -1 its value has no lower end. Logits that are bounded, such as
    cosines, can not tell many classes apart: the loss ends far above zero. Labels that are aligned
    with the steps of a series (CTC) need at least as many steps as they have letters. A loss that
    multiplies by the labels, as that of a Wasserstein critic, does not look at those of zero: it
    wants -1 and 1. Labels that count from one, written one-hot, have a column more than there are
    classes. Of a model with several outputs the targets may be given in the other order. The
    product of two vectors of a bounded norm, as of the embeddings of a user and a movie, or a
    cosine, is bounded as well: no rating from one to five is one. So is that of shares of groups
    and shares within each: counts have another sum than one.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.arange(4.0)[:, None])

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.arange(4.0)[:, None])

    Known limits:
        The range is that of the last activation, and what is left of it behind a last layer whose
        weights, bias and inputs are not negative. Targets that reach beyond it by less than 5 % of
        their range are not reported. The losses of a margin, such as hinge, are left out, and those
        of the user's own that cost no more at the end of the range than at the targets, or have
        targets of another shape: they may read something else from them, such as advantages, or
        times and events. Of labels those do not count that a loss does not look at. Bounded logits,
        be it as cosines or as their weights are kept small,
        are looked for by a pass with large weights, in models whose steps are cheap, and reported
        where a hard label among several classes costs at least half a nat. Numbers that are bounded
        by the sets of weights, or by a norm of one, are looked for where the last layer has no
        weight that may grow, in small models with a loss of distances: passes with large weights
        and a training at a high rate tell how far they go. It is reported where this costs a
        quarter of the targets' variance.

    Source:
        The range of the output against that of the labels is a rule of DeepDiagnosis (Wardat et
        al., 2022); here the range is that of the activation, not of the first outputs. The least
        loss of bounded logits: Wang et al., NormFace (2017), proposition 2.
    """

    code, name, stage = "CW605", "target-out-of-reach", "loss"
    numbers = (
        "floor",
        "apart",
        "target_low",
        "target_high",
        "low",
        "high",
        "needed",
        "steps",
        "short",
        "passed_over",
        "classes",
        "columns",
        "units",
        "other",
    )

    def find(self, evidence):
        for made in evidence.losses_of:
            target = made.target
            if made.other is not None:
                yield self._swapped(evidence, made)
                continue
            # Another loss is meant, or a model of one's own that turns them itself.
            if made.numbered or made.spread or made.single:
                continue
            if _FLOOR < made.floor < min(evidence.losses):
                yield self._bounded(evidence, made)
                continue
            if made.short:
                yield self.made(
                    f"{made.short} of the labels need more steps than there are, up to "
                    f"{made.needed} where the output has {made.frames}: no path spells them, and "
                    f"{made.name} of them is infinite",
                    "pool or stride less along the time, so that the output has more steps (a "
                    "letter that comes twice in a row needs one more), or leave such labels out",
                    {"needed": made.needed, "steps": made.frames, "short": made.short},
                    level="error", layer=made.layer,
                )  # fmt: skip
                continue
            if made.empty:
                yield self._of_no_class(made)
                continue
            if made.classes is not None:
                if target.low < 0 or target.high > made.classes - 1:
                    yield self.made(
                        f"the labels go from {target.low:.0f} to {target.high:.0f}, but the output "
                        f"has {made.classes} classes, which count from 0 to {made.classes - 1}",
                        "number the classes from zero, or give the last layer as many units as "
                        "there are classes",
                        {"low": target.low, "high": target.high, "classes": made.classes},
                        level="error", layer=made.layer,
                    )  # fmt: skip
                continue
            beyond = target.low < 0 or target.high > 1 + _MARGIN
            if made.goals and "crossentropy" in made.name and beyond:
                yield self.made(
                    f"the targets lie in [{target.low:.3g}, {target.high:.3g}], but the loss "
                    f"{made.name} takes shares between 0 and 1: beyond them it falls without end",
                    f"write labels as 0 and 1, such as {_shifted(target)}, or take "
                    "a hinge loss; for numbers take a loss of distances, such as mse",
                    {"target_low": target.low, "target_high": target.high},
                    level="error", layer=made.layer,
                )  # fmt: skip
                continue
            # Of a loss without a gradient it is not known what it would look at.
            if made.passed_over and not is_without_gradient(evidence):
                yield self.made(
                    f"the loss {made.name} does not look at {percent(made.passed_over)} of the "
                    "targets, those of zero: it is the same whatever is predicted there, and of "
                    "the others it only falls or only rises with the prediction",
                    "write labels as -1 and 1 for a loss that multiplies by them (Wasserstein, "
                    "hinge); of a cross-entropy write both terms",
                    {"passed_over": made.passed_over},
                    layer=made.layer,
                )  # fmt: skip
                continue
            margin = _MARGIN * (target.high - target.low)
            below, above = target.low < made.low - margin, target.high > made.high + margin
            if "hinge" in made.name or "cosine" in made.name or not (below or above):
                continue
            if not made.goals:
                continue
            yield self.made(
                f"the targets lie in [{target.low:.3g}, {target.high:.3g}], but {made.why} gives "
                f"only numbers {_between(made.low, made.high)}",
                _fix(made),
                {
                    "target_low": target.low, "target_high": target.high,
                    "low": made.low if math.isfinite(made.low) else None,
                    "high": made.high if math.isfinite(made.high) else None,
                },
                layer=made.layer, weight=made.held,
            )  # fmt: skip

    def _swapped(self, evidence, made):
        """Two outputs of which each can give the targets of the other one."""
        other, target = evidence.losses_of[made.other], made.target
        labels = "0 or 1" if made.classes is None else f"one of {made.classes} classes"
        names = ", ".join(repr(one.layer) for one in evidence.losses_of)
        return self.made(
            f"the targets lie in [{target.low:.3g}, {target.high:.3g}], but {made.name} of "
            f"{made.layer!r} takes labels, and those of {other.layer!r} are all {labels}: the two "
            "are given in the other order",
            f"give the targets in the order of the outputs, {names}, or by their names in a "
            "dictionary",
            {"target_low": target.low, "target_high": target.high, "other": made.other},
            level="error", layer=made.layer,
        )  # fmt: skip

    def _of_no_class(self, made):
        """Labels from one that were written in columns, of which the first is of no class."""
        units = made.empty - 1
        return self.made(
            f"the targets have {made.empty} columns and the predictions {units}: the first is zero "
            "for all examples, as where labels that count from one are written one-hot",
            "number the classes from zero: keras.utils.to_categorical(y - 1), or y[..., 1:] of "
            "these columns",
            {"columns": made.empty, "units": units}, level="error", layer=made.layer,
        )  # fmt: skip

    def _bounded(self, evidence, made):
        return self.made(
            f"the logits of {made.layer!r} are less than {made.apart:.3g} apart whatever the "
            f"weights are: {made.name} can not fall below {made.floor:.3g} (it is "
            f"{evidence.losses[-1]:.3g} after {len(evidence.losses) - 1} steps)",
            "multiply them before the softmax, by a fixed or a trained scale such as "
            f"activation=constrainit.OutputScale('softmax', scale={scale_for(made.apart)})",
            {"floor": made.floor, "apart": made.apart}, layer=made.layer,
        )  # fmt: skip
