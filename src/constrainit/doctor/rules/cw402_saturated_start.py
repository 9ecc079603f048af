"""CW402 saturated-start."""

from constrainit._words import listed
from constrainit.doctor._recording import is_custom
from constrainit.doctor.rules._rule import Rule, percent, when

_MOST = 0.5

_LEFT = 0.5
"""A loss that is at most this share of what it was has fallen as it should."""


class SaturatedStart(Rule):
    """Most outputs of a sigmoid or tanh lie on its flat ends, where it has no gradient.

    Positive weights of the usual size are a frequent cause: their sum over the inputs grows with
    the fan-in. What lies before a saturated layer learns slowly or not at all.

    Example:
        start = keras.initializers.RandomUniform(0, 1)
        kernel = {"kernel_initializer": start, "kernel_constraint": "non_neg"}
        [layers.Dense(64, "sigmoid"), layers.Dense(8, "sigmoid", **kernel)]

    Use instead:
        kernel = ci.constrained(kernel=ci.NonNegative(), activation="sigmoid")
        [layers.Dense(64, "sigmoid"), layers.Dense(8, **kernel)]

    Known limits:
        Counted are outputs of pre-activations beyond 5, in activations that Keras knows by the
        names sigmoid and tanh. Of a layer of the user's own its one matrix is named. A gate that is
        meant to be shut looks the same. An output of the model that is saturated after the steps
        only, while they halve the loss, is sure of what it has learnt: that is a note. A clip to
        two numbers, a hard tanh or a hard sigmoid in code of the user's own, also one that only
        carries the gradient past a sign, is asked for where steps are cheap and the loss has not
        halved: reported where more than four fifths of what it is given at the start lie outside of
        its bounds, which hold zero, and 50 steps on half of the batch take the loss of that half to
        less than a half of what those as given do, with that scaled to half of the width between
        the bounds. Windows that are written as comparisons are not seen.

    Source:
        Half of the outputs is the threshold of SageMaker Debugger and of DeepDiagnosis (Wardat et
        al.), a pre-activation of 5 that of DeepDiagnosis.
    """

    code, name = "CW402", "saturated-start"
    numbers = (
        "saturated_share",
        "mean",
        "outside",
        "size",
        "loss_at_the_end",
        "loss_with_less",
    )

    def find(self, evidence):
        if evidence.windows is not None:
            yield self._of_windows(evidence.windows)
        for stage, outputs, _ in evidence.moments:
            flat = [o for o in outputs if o.saturated is not None and o.saturated > _MOST]
            for output in flat:
                says = (
                    f"{percent(output.saturated)} of the outputs of {output.kind} {output.layer!r} "
                    f"are saturated{when(stage, evidence)} (mean {output.mean:.3g})"
                )
                numbers = {"saturated_share": output.saturated, "mean": output.mean}
                where = {"stage": stage, "layer": output.layer}
                if _is_sure(evidence, stage, output):
                    yield self.made(
                        f"{says}, in which the loss fell from "
                        f"{evidence.losses[0]:.3g} to {evidence.losses[-1]:.3g}: the model is sure "
                        "of the examples that it was trained on",
                        "leave it as it is; where it should be less sure of its labels, give the "
                        "loss a label_smoothing",
                        numbers, **where, level="info",
                    )  # fmt: skip
                    continue
                own = _own_kernel(evidence, output)
                yield self.made(
                    f"{says}: little gradient gets through",
                    _fix(evidence, own), numbers, **where, weight=own.path if own else "",
                )  # fmt: skip
            if flat:
                return

    def _of_windows(self, made):
        """A clip or the like in code of the user's own, outside of which nearly all lies."""
        (low, high), (first, given, other) = made.bounds, made.losses
        line = "" if made.source is None else f" in line {made.source.line}"
        return self.made(
            f"the {made.function}{line} of {listed(made.layers[:3])} lets a gradient through from "
            f"{low:g} to {high:g} only, and {percent(made.share)} of what it is given at the start "
            f"lies outside (its root mean square is {made.size:.3g}): next to no gradient comes "
            f"through. The loss of half of the batch goes from {first:.4g} to {given:.4g} in "
            f"{made.steps} steps, and to {other:.4g} with that times {made.scale:g}",
            "divide a sum over the inputs by the root of their number, or put a "
            "BatchNormalization before it, so that most of it lies within the bounds",
            {
                "outside": made.share, "size": made.size, "loss_at_the_end": given,
                "loss_with_less": other,
            },
            stage="forward", layer=made.layers[0], source=made.source,
        )  # fmt: skip


def _own_kernel(evidence, output):
    """The trained matrix of a layer of the user's own, where it has one."""
    own = [
        record for record in evidence.weights
        if record.layer.name == output.layer and is_custom(record.layer)
        and record.variable.trainable and len(record.shape) > 1
    ]  # fmt: skip
    return own[0] if len(own) == 1 else None


def _fix(evidence, own):
    least = "start with weights whose sum over the inputs is near one, or center the input"
    if own is None:
        return least
    alike = [
        record.path for record in evidence.weights
        if type(record.layer) is type(own.layer) and record.layer is not own.layer
        and record.variable.name == own.variable.name
    ]  # fmt: skip
    others = f", and that of the other layers of its class, {listed(alike)}" if alike else ""
    return (
        f"{least}; where call takes {own.variable.name} through a softplus or an exponential, so "
        "that all weights are positive and add up over the inputs, start it lower, at the "
        f"logarithm of about one by their number{others}"
    )


def _is_sure(evidence, stage, output):
    """Whether an output of the model has become sure of what it was trained to give."""
    losses = evidence.losses
    ends = output.layer in {made.layer for made in evidence.losses_of}
    falls = len(losses) > 1 and 0 <= losses[-1] <= _LEFT * losses[0]
    return stage != "forward" and ends and falls and evidence.fault_step is None
