"""Remedies for masks: averages over steps of which one leaves none, attention that one blinds."""

import types

import keras
from keras import ops

from constrainit._words import listed
from constrainit.doctor._hiding import mask_of, with_negated_mask
from constrainit.doctor.treatments._edit_masks import masked_first
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments.source import edited_layer

_CODE = """class MaskedMean(keras.layers.GlobalAveragePooling1D):
    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        kept = keras.ops.expand_dims(keras.ops.cast(mask, inputs.dtype), -1)
        count = keras.ops.sum(kept, axis=1, keepdims=self.keepdims)
        total = keras.ops.sum(inputs * kept, axis=1, keepdims=self.keepdims)
        return total / keras.ops.maximum(count, 1.0)"""


def floored_counts(problem, evidence, found):
    """Averages over time that divide by at least one: of a row that is masked in full, zero."""
    operation = evidence.operation
    if operation is None or not operation.limit.startswith("0/0"):
        return None
    means = [
        layer for layer in problem.model._flatten_layers()
        if type(layer) is keras.layers.GlobalAveragePooling1D
    ]  # fmt: skip
    if not any(layer.name == operation.layer for layer in means):
        return None
    for layer in means:
        vars(layer)["call"] = types.MethodType(_mean, layer)
    names = ", ".join(layer.name for layer in means)
    return Changed(
        f"the average in {names} divides by one at least, so that an empty row gives zero",
        with_other(problem),
        f"{_CODE}\n\n# in place of GlobalAveragePooling1D: {names}",
    )


def negated(problem, evidence, found):
    """Attention that attends to what its mask hides, where it sees the same in all examples."""
    names = {finding.layer for finding in found}
    layers = [one.layer for one in evidence.erasing if one.hides is not None]
    if not names & {layer.name for layer in layers}:
        return None
    lines = []
    for layer in layers:
        vars(layer)["call"] = _negating(layer, layer.call)
        argument = mask_of(layer)
        turned = "keras.ops.logical_not(mask)"
        turned = turned if argument == "attention_mask" else f"[None, {turned}]"
        lines.append(f"# where {layer.name!r} is called\n{layer.name}(..., {argument}={turned})")
    return Changed(
        f"the mask of {listed([layer.name for layer in layers])} is negated",
        with_other(problem),
        "\n".join(lines),
    )


def before_the_softmax(problem, evidence, found):
    """The class or function of a layer with a mask that hides entries from its softmax."""
    made = evidence.masked_softmax
    if made is None:
        return None
    edit = masked_first(made.source.text, made.masking.place)
    return edited_layer(problem, made.layers, edit)


def _negating(layer, call):
    def run(*args, **kwargs):
        given = with_negated_mask(layer, call, args, kwargs)
        return call(*args, **kwargs) if given is None else call(**given)

    return run


def _mean(self, inputs, mask=None):
    """`GlobalAveragePooling1D.call`, with a floor under the count of steps."""
    last = self.data_format == "channels_last"
    axis = 1 if last else 2
    if mask is None:
        return ops.mean(inputs, axis=axis, keepdims=self.keepdims)
    kept = ops.expand_dims(ops.cast(mask, inputs.dtype), 2 if last else 1)
    total = ops.sum(inputs * kept, axis=axis, keepdims=self.keepdims)
    return total / ops.maximum(ops.sum(kept, axis=axis, keepdims=self.keepdims), 1.0)
