"""Remedies where a model ends: its loss, and the activation that the loss is to suit."""

from dataclasses import replace

import keras
from keras import ops

from constrainit.doctor._costly_truth import the_other_way_up
from constrainit.doctor._sums_of_shares import of_shares
from constrainit.doctor._turned import function_of
from constrainit.doctor.rules.cw603_wrong_loss import adds_up
from constrainit.doctor.treatments._layers import changed_layers
from constrainit.doctor.treatments._losses import pasted, with_losses
from constrainit.doctor.treatments._remedy import Changed, with_other

_BINARY, _SIGMOID = '"binary_crossentropy"', 'keras.layers.Dense(1, activation="sigmoid")'

_CROSS_ENTROPIES = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
}


def absolute_error(problem, evidence, found):
    """The absolute error in place of one that divides by targets of zero."""
    losses, layers = list(problem.losses()), {finding.layer for finding in found}
    if len(losses) != len(evidence.losses_of):
        return None
    written = {}
    for place, made in enumerate(evidence.losses_of):
        if made.layer in layers:
            losses[place] = keras.losses.MeanAbsoluteError()
            written[place] = '"mean_absolute_error"'
    return Changed(
        "the absolute error, which does not divide by the targets",
        with_losses(problem, losses),
        pasted(problem, written),
    )


def other_logits(problem, evidence, found):
    """The same cross-entropies, with `from_logits` the other way where a finding asks for it."""
    losses, layers = list(problem.losses()), {finding.layer for finding in found}
    if len(losses) != len(evidence.losses_of):
        return None
    changed = {}
    for place, made in enumerate(evidence.losses_of):
        # Whatever the loss was given as: only its name tells which one it is.
        kind = _CROSS_ENTROPIES.get(str(getattr(losses[place], "name", "")))
        if kind is not None and made.layer in layers and not (made.single or adds_up(made)):
            losses[place] = kind(from_logits=not made.logits)
            changed[place] = f"keras.losses.{kind.__name__}(from_logits={not made.logits})"
    if not changed:
        return None
    logits = next(iter(changed.values())).partition("(")[2].rstrip(")")
    named = f" for {', '.join(sorted(layers))}" if len(losses) > 1 else ""
    code = pasted(problem, changed)
    return Changed(f"the loss{named} takes {logits}", with_losses(problem, losses), code)


def crossentropy_of_the_labels(problem, evidence, found):
    """The cross-entropies that take labels as they are given: as numbers, or in columns."""
    return _of_the_labels(problem, evidence, lambda made: made.logits)


def crossentropy_of_labels_and_output(problem, evidence, found):
    """The same, with `from_logits` as the last activation asks for, where it is not so yet."""
    wrong = [m for m in evidence.losses_of if m.numbered or m.spread]
    if all(made.logits == _gives_logits(made) for made in wrong):
        return None
    return _of_the_labels(problem, evidence, _gives_logits)


def crossentropy_of_labels_from_zero(problem, evidence, found):
    """The same, of labels that are counted from zero, where they are not."""
    parts = keras.tree.flatten(problem.y)
    shifted = [place for place, made in enumerate(evidence.losses_of) if made.first]
    if not shifted or len(parts) != len(evidence.losses_of):
        return None
    for place in shifted:
        parts[place] = parts[place] - ops.cast(evidence.losses_of[place].first, parts[place].dtype)
    y = keras.tree.pack_sequence_as(problem.y, parts)
    changed = _of_the_labels(problem, evidence, _gives_logits, y=y)
    if changed is None:
        return None
    first = evidence.losses_of[shifted[0]].first
    code = f"y = y - {first}" + f"  # of output {shifted[0]}" * (len(parts) > 1)
    return replace(
        changed,
        change=f"{changed.change}, and labels counted from zero",
        code=f"{changed.code}\n{code}",
    )


def _gives_logits(made):
    return made.activation not in ("softmax", "sigmoid")


def _of_the_labels(problem, evidence, takes_logits, **other):
    losses, shifted = list(problem.losses()), any(made.first for made in evidence.losses_of)
    if len(losses) != len(evidence.losses_of) or evidence.losses or (shifted and not other):
        return None
    named, codes = [], {}
    for place, made in enumerate(evidence.losses_of):
        if not made.numbered and not made.spread:
            continue
        name = f"{'sparse_' * bool(made.numbered)}categorical_crossentropy"
        kind, logits = _CROSS_ENTROPIES[name], takes_logits(made)
        losses[place] = kind(from_logits=logits)
        turned = f", with from_logits={logits}" * (logits != made.logits)
        named.append(f"{name} in place of {made.name}{turned}")
        codes[place] = f'"{name}"'
        if logits:
            codes[place] = f"keras.losses.{kind.__name__}(from_logits=True)"
    if not named:
        return None
    return Changed(", ".join(named), with_losses(problem, losses, **other), pasted(problem, codes))


def binary_crossentropy_of_one(problem, evidence, found):
    """The binary cross-entropy, behind a sigmoid, in place of a share of one for a single unit."""
    losses, codes, named, written = list(problem.losses()), [], [], {}
    if len(losses) != len(evidence.losses_of):
        return None
    for place, made in enumerate(evidence.losses_of):
        if not made.single or made.target.low < 0 or made.target.high > 1:
            continue
        logits, change = made.activation not in ("softmax", "sigmoid"), ""
        if made.activation == "softmax":
            change = _with_sigmoids(problem, {made.layer})
            if not change:
                return None
        losses[place] = keras.losses.BinaryCrossentropy(from_logits=logits)
        turned = f", with from_logits={logits}" * (logits != made.logits)
        named.append(f"binary_crossentropy in place of {made.name}{turned}")
        named += [f"{change} with a sigmoid in place of the softmax"] * bool(change)
        written[place] = _BINARY
        if logits:
            written[place] = "keras.losses.BinaryCrossentropy(from_logits=True)"
        codes += [_SIGMOID] * bool(change)
    if not named:
        return None
    code = "\n".join([*codes, pasted(problem, written)])
    return Changed(", ".join(named), with_losses(problem, losses), code)


def targets_first(problem, evidence, found):
    """The losses that take predictions first, given them first."""
    losses = list(problem.losses())
    if not evidence.turned or not losses:
        return None
    for made in evidence.turned:
        losses[made.place] = _turned(function_of(losses[made.place]))
    names = {made.place: made.name for made in evidence.turned}
    turned = {at: f"lambda y_true, y_pred: {name}(y_pred, y_true)" for at, name in names.items()}
    return Changed(
        f"{', '.join(names.values())} with its arguments the other way around",
        with_losses(problem, losses),
        pasted(problem, turned),
    )


def _turned(function):
    def loss(y_true, y_pred):
        return function(y_pred, y_true)

    return loss


def loss_of_shares(problem, evidence, found):
    """The loss of predictions that are divided by their sum for each example."""
    made = evidence.sums_of_shares
    if made is None:
        return None
    sums = "keras.ops.sum(y_pred, axis=-1, keepdims=True)"
    return Changed(
        f"{made.name} of predictions divided by their sum",
        with_losses(problem, [of_shares(problem.losses()[0])]),
        pasted(problem, {0: f"lambda y_true, y_pred: {made.name}(y_true, y_pred / {sums})"}),
    )


def loss_the_other_way_up(problem, evidence, found):
    """What a loss that is largest at the truth lacks to that."""
    made = evidence.costly_truth
    if made is None:
        return None
    most = round(made.losses[0], 3) + 0.0
    written = f"{most:g} - {made.name}" if most else f"-{made.name}"
    return Changed(
        f"{written} in place of {made.name}",
        with_losses(problem, [the_other_way_up(problem.losses()[0], most)]),
        pasted(problem, {0: f"lambda y_true, y_pred: {written}(y_true, y_pred)"}),
    )


def sigmoid_of_one(problem, evidence, found):
    """A sigmoid in place of a softmax over a single unit, which gives one whatever comes in."""
    changed = _with_sigmoids(problem, {finding.layer for finding in found})
    if not changed:
        return None
    return Changed(
        f"{changed} with a sigmoid in place of the softmax over one unit",
        with_other(problem),
        _SIGMOID,
    )


def _with_sigmoids(problem, names):
    def is_meant(layer):
        one = layer.name in names and getattr(layer, "units", None) == 1
        return one and layer.activation is keras.activations.softmax

    return changed_layers(problem, is_meant, activation=keras.activations.sigmoid)


def no_last_activation(problem, evidence, found):
    """The last layer without its activation."""
    # A cross-entropy of shares needs it.
    shares = {m.layer for m in evidence.losses_of if m.logits is False}
    names = {f.layer for f in found if f.code == "CW605"}
    names -= {f.layer for f in found if {"classes", "apart"} & set(f.evidence)} | shares

    def is_meant(layer):
        own = getattr(layer, "activation", None)
        return layer.name in names and callable(own) and own is not keras.activations.linear

    changed = changed_layers(problem, is_meant, activation=keras.activations.linear)
    if not changed:
        return None
    return Changed(f"{changed} without its activation", with_other(problem))
