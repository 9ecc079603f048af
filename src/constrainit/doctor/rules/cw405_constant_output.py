"""CW405 constant-output."""

import keras
import numpy as np

from constrainit.doctor._evidence import Evidence
from constrainit.doctor._masking import beyond
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules._of_rounding import of_rounding
from constrainit.doctor.rules._rule import Rule, beyond_bounds, cut_at, is_cut_behind, percent
from constrainit.model import WeightRecord

_ROUNDING, _LATER = 1e-6, 1e-4

_OR_BY_BATCHES = ", or over examples by BatchNormalization"

_NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)


class ConstantOutput(Rule):
    """A layer gives the same output for every example of the batch.

    What follows it can learn a constant and nothing else. Positive weights through many layers
    average all inputs until they differ by less than rounding; saturation and dead units end the
    same way; a mask hides what the steps of a sequence tell, where its number is one of the data;
    a softmax or a normalization over a single unit gives the same whatever comes in.

    Example:
        [
            layers.Dense(1),
            layers.LayerNormalization(),
        ]

    Use instead:
        [layers.Dense(8), layers.LayerNormalization(), layers.Dense(1)]

    Known limits:
        Looked at is the deviation of each unit over the batch, against 1e-6 of the largest output
        at the start and 1e-4 after the steps, whose rounding a normalization enlarges.
        Outputs that are all zero, and change within the steps that are looked at, are a start that
        some layers mean to have. A batch of equal examples is not reported, nor a layer that is
        called several times, if what it gives varies in one of them. Nor is a number of the whole
        batch, such as its likelihood, where another batch has another one and the loss, of the
        user's own, reads no targets.
        Named as the cause are: a rounding in a layer of the user's own that gives zero for all; a
        normalization whose scale is zero and gets no gradient; a matrix
        of the layer that is all zero and not trained, as a table of pretrained vectors; a weight of
        the layer whose gradient a line of the user's own code cuts off; padding without a mask
        in front of a recurrence; a mask that hides steps between others, or whole sequences; a
        normalization over a single number, which leaves zero, or the sign where it divides by the
        size alone; attention of Keras that is given a mask, where the loss hardly falls or an
        output is the same for all, if what it gives varies over the batch once the mask is negated.
        Else it says where to look. A mask is named where outputs differ, too: if it hides a
        fiftieth of what lies within sequences at least, the loss hardly falls, and 100 steps
        without it, on half of the batch, take the loss of the other half to less than a half of
        what they do with it; asked of models whose steps are cheap.

    Source:
        The rule for layers without variation of theDeepChecker (Ben Braiek and Khomh, 2023).
    """

    code, name, stage = "CW405", "constant-output", "forward"
    numbers = (
        "spread", "mean", "hidden", "between", "loss", "loss_at_the_end", "loss_without_the_mask",
    )  # fmt: skip

    def find(self, evidence):
        if not evidence.varies or not evidence.outputs_last:
            return
        if evidence.masked is not None and evidence.masked.steps:
            yield self._hidden_in_training(evidence.masked)
            return
        # A step without a derivative that gives one value to all is told by its own rule.
        cut = {e.layer for e in evidence.entries if e.leaves and not e.gradient}
        cut -= {one.layer for one in beyond_bounds(evidence)}
        # One number of the whole batch that is its own loss, as a likelihood, is no prediction.
        cut |= evidence.of_batch
        # A layer that is called several times may be given the state that a loop begins with.
        # Entries that a rule holds against the data end up alike.
        held = [one.record.layer.name for one in evidence.ordered_against]
        held += evidence.clipped.layers if evidence.clipped else []
        moves = {o.layer for o in evidence.outputs if not _still(o, _ROUNDING)}
        last = {(o.layer, i): o for i, o in enumerate(evidence.outputs_last)}
        erasing = {made.layer.name: made for made in evidence.erasing}
        # What a layer holds gives its own before it.
        within = {
            part.name: (output, erasing[output.layer])
            for output in evidence.outputs if output.layer in erasing
            for part in erasing[output.layer].layer._flatten_layers()
        }  # fmt: skip
        for place, output in enumerate(evidence.outputs):
            later = last.get((output.layer, place))
            if output.layer in erasing:
                yield self._erased(output, erasing[output.layer])
                return
            if later is None or output.layer in cut | moves or is_cut_behind(evidence, output):
                continue
            if _is_behind(evidence, output, held):
                continue
            if _still(output, _ROUNDING) and _still(later, _LATER):
                if output.layer in within:
                    yield self._erased(*within[output.layer])
                    return
                why, fix, where = _cause(evidence, output)
                yield self.made(
                    f"{_same(output)}, before and after the steps{why}",
                    fix,
                    {"spread": output.spread, "mean": output.mean},
                    **{"layer": output.layer, **where},
                )  # fmt: skip
                return

    def _hidden_in_training(self, masked):
        """A mask that hides steps of the data, without which the model trains."""
        first, given, other = masked.losses
        why, fix, where = _of_mask(masked)
        return self.made(
            f"{why.removeprefix(': ')}. In {masked.steps} steps on half of the batch the loss of "
            f"the other half goes from {first:.4g} to {given:.4g}, and to {other:.4g} without the "
            "mask",
            fix,
            {"hidden": masked.hidden, "between": masked.between, "loss": first,
             "loss_at_the_end": given, "loss_without_the_mask": other},
            **where,
        )  # fmt: skip

    def _erased(self, output, made):
        """A layer that lets next to nothing of what it is given through."""
        numbers = {"spread": output.spread, "mean": output.mean}
        if made.hides is not None:
            one = made.hides
            return self.made(
                f"what {output.kind} {output.layer!r} gives is the same for every example of the "
                f"batch: its mask shows it {percent(one.shown)} of what it may attend to, in which "
                "the examples do not differ. With the mask negated it varies by "
                f"{one.negated:.2g} of its size",
                "let the mask be True where attention is allowed, as Keras takes it: in PyTorch's "
                "key_padding_mask True hides. Negate it, keras.ops.logical_not(mask)",
                {**numbers, "spread": one.spread}, layer=output.layer,
            )  # fmt: skip
        if made.signs:
            return self.made(
                f"{output.kind} {output.layer!r} normalizes over a single number, which by its own "
                "size is 1 or -1: of what comes in the sign is left",
                f"leave it out, or normalize over an axis of several{_OR_BY_BATCHES}",
                numbers, layer=output.layer,
            )  # fmt: skip
        return self.made(
            f"{_same(output)}: it normalizes over an axis of one entry, which less its own mean is "
            "zero, whatever comes in",
            f"{output.layer!r} normalizes over a single number: leave it out, or normalize over an "
            f"axis of several{_OR_BY_BATCHES}",
            numbers, layer=output.layer,
        )  # fmt: skip


def _same(output):
    return (
        f"the output of {output.kind} {output.layer!r} is the same for every example of the batch "
        f"(mean {output.mean:.3g}, deviation over the batch {output.spread:.3g})"
    )


def _cause(evidence, output):
    """What is seen of the cause, at the end of the sentence; what mends it; and where it is."""
    never = [
        g.record for g in evidence.gradients if g.never and g.record.layer.name == output.layer
    ]
    scale = next((r for r in never if _is_shut(r)), None)
    if scale is not None:
        return (
            f": {scale.variable.name} is zero, and gets no gradient at any step, as what follows "
            "passes none at zero",
            f'{scale.variable.name}_initializer="ones": it may start at zero only where a shortcut '
            "goes around the block and nothing rectifies what it gives",
            {"weight": scale.path},
        )
    zeros = next(iter(frozen_zeros(evidence, output.layer)), None)
    if zeros is not None:
        return (
            f": {zeros.variable.name} is zero everywhere and is not trained, so that it stays so",
            "look at what fills it: words that are spelled in another way, such as in upper case, "
            "find no vector in a table of pretrained ones; or draw it at random, and make the "
            "layer trainable",
            {"weight": zeros.path},
        )
    away = next((one for one in evidence.rounded_away if one.layer.name == output.layer), None)
    if away is not None:
        return of_rounding(away)
    cut = next((r for r in never if r.path in evidence.severed), None)
    if cut is not None:
        operation = evidence.severed[cut.path]
        return (
            f": {cut.path} gets no gradient at any step{cut_at(operation)}",
            "put something smooth in place of the operation without a derivative (a comparison, "
            f"sign, round, a clip), or start {cut.variable.name} on the other side of it",
            {"weight": cut.path, "source": operation.source},
        )
    masked = evidence.masked
    if masked is not None and _is_behind(evidence, output, [masked.layer.name]):
        return _of_mask(masked)
    for bounds in [one for one in beyond_bounds(evidence) if one.layer == output.layer]:
        if bounds.source is not None:
            return (
                f", {bounds.limit} in line {bounds.source.line}",
                "let the bounds reach as far as what comes there, such as keypoints over the range "
                "of the feature, or scale the inputs to lie between them",
                {"source": bounds.source},
            )
    padded = evidence.padded
    if padded is not None and _is_behind(evidence, output, padded.recurrences):
        return (
            f": of the {padded.steps} steps of the sequences that {padded.table.name!r} is given, "
            f"the last {padded.length} are {padded.number} in half of them or more, and no mask "
            f"tells {padded.recurrences[0]!r} so, which forgets what came before",
            "Embedding(..., mask_zero=True), with 0 for padding alone, or put the padding before "
            'the words: pad_sequences(..., padding="pre")',
            {"weight": next((v.path for v in padded.table.variables), "")},
        )
    return "", _fix(evidence, output), {}


def _of_mask(masked):
    """What a mask hides, how it is kept from that, and the layer."""
    kind, name, number = type(masked.layer).__name__, masked.layer.name, f"{masked.number:g}"
    table = isinstance(masked.layer, keras.layers.Embedding)
    hidden = (
        f"{percent(masked.empty)} of the sequences as a whole"
        if masked.empty > masked.between
        else f"{percent(masked.between)} of those between the first and the last that it shows"
    )
    return (
        f": {kind} {name!r} takes {number} for padding, and hides {percent(masked.hidden)} of the "
        f"steps, {hidden}. They are no padding, and what they tell is lost",
        "Embedding(..., mask_zero=False), or number what it is given from 1, with 0 for padding "
        "alone"
        if table
        else "leave the mask out, or pad with a number that no step has and write it as "
        f"Masking(mask_value={beyond(masked):g})",
        {"layer": name},
    )


def frozen_zeros(evidence: Evidence, layer: str) -> list[WeightRecord]:
    """The matrices of a layer that are all zero and not trained."""
    return [
        record for record in evidence.weights
        if record.layer.name == layer and len(record.shape) > 1
        and not record.variable.trainable and not np.any(to_numpy(record.variable))
    ]  # fmt: skip


def _is_shut(record):
    """Whether a weight is the scale of a normalization, and zero."""
    named = record.variable.name in ("gamma", "scale") and isinstance(record.layer, _NORMS)
    return named and not np.any(to_numpy(record.variable))


def _is_behind(evidence, output, layers):
    """Whether an output comes at one of some layers, or after it."""
    order = [one.layer for one in evidence.outputs]
    return any(name in order and order.index(name) <= order.index(output.layer) for name in layers)


def _fix(evidence, output):
    if output.layer in {layer for layer, _ in evidence.alone}:
        return (
            f"a softmax in {output.layer!r} runs over a single unit, for which it gives 1 whatever "
            "comes in: take a sigmoid, or one unit for each class"
        )
    return (
        "look at what feeds it: a saturated or dead layer, positive weights through many layers "
        "(constrainit.plan says how many are too many), or a softmax or normalization over a "
        "single unit"
    )


def _still(output, share):
    return output.nonfinite == 0 and output.spread <= share * output.peak
