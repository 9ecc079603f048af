"""The batch and the losses in a few numbers."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._columns import (
    columns_of_one,
    compares_each,
    compares_units,
    is_single,
    numbered,
    other_layout,
    spread,
    with_an_empty_one,
)
from constrainit.doctor._ends import activation_of, last_layers
from constrainit.doctor._evidence import DataEvidence, Evidence, LossEvidence
from constrainit.doctor._floor import floor_of
from constrainit.doctor._labels import are_goals, classes_that_count, is_own, passed_over
from constrainit.doctor._orders import in_other_order
from constrainit.doctor._pairs import compares_all
from constrainit.doctor._signs import ends_nonnegative, keeps_nonnegative
from constrainit.doctor._statistics import to_numpy

_NEAR_ZERO = 1e-4
"""Targets below this share of the largest are near zero."""

_WIDE = 50.0
"""Pre-activations at which the range of an activation is read off."""

_LITTLE = 1e-6
"""An end of it that is nearer to zero is meant to be zero, as that of a sigmoid."""


def describe_data(problem: Any) -> list[DataEvidence]:
    """Every array of the inputs and of the targets."""
    found = []
    for name, values in (("x", problem.x), ("y", problem.y)):
        for path, part in keras.tree.flatten_with_path(values):
            if part is None or (name == "y" and path and path[0] in problem.unread):
                continue
            shown = name + "".join(f"[{place!r}]" for place in path)
            dtype = keras.backend.standardize_dtype(part.dtype)
            if dtype not in ("string", "bool") and "complex" not in dtype:
                found.append(_array(shown, part, "int" in dtype))
    return found


def _array(name, part, integer):
    value = to_numpy(part)
    finite = value[np.isfinite(value)]
    some = finite if finite.size else np.zeros(1)
    return DataEvidence(
        name, integer, float(some.mean()), float(some.std()), float(some.min()), float(some.max()),
        int(value.size - finite.size), int(value.size), bool((value[:1] != value).any()),
    )  # fmt: skip


def describe_losses(problem: Any, evidence: Evidence) -> list[LossEvidence]:
    """The loss of each output, where Keras knows it."""
    losses, targets = problem.losses(), [d for d in evidence.data if d.name.startswith("y")]
    count = len(keras.tree.flatten(problem.specs))
    if not len(losses) == len(targets) == count:
        return []
    layers = last_layers(problem.model, count)
    known = [o for o in evidence.outputs if o.layer == problem.model.name][-count:]
    predicted = known if len(known) == count else [None] * count
    found, healthy = [], bool(evidence.losses) and evidence.fault_step is None
    for place, (loss, target, layer) in enumerate(zip(losses, targets, layers, strict=True)):
        if loss is None:
            continue
        spec = keras.tree.flatten(problem.specs)[place]
        activation, low, high = _range(layer)
        why, name = f"the activation {activation}", getattr(layer, "name", "")
        adds = _adding(layer, evidence)
        end = _range(layer, least=0.0)[1]
        if adds is not None and low < end:
            low, name = end, adds.name
            why = "a last layer whose weights and inputs are not negative"
            why += "" if activation in ("", "linear") else f", with the activation {activation},"
        elif low < end and ends_nonnegative(layer, evidence):
            low = end
            why = "a product of factors that are not negative"
            why += "" if activation in ("", "linear") else f", with the activation {activation},"
        if problem.given_y is None:
            low, high = -np.inf, np.inf  # What is drawn at random is in no range.
        sparse = "sparse" in _name(loss)
        given = keras.tree.flatten(problem.y)[place]
        each = compares_each(loss, given, spec, target)
        if sparse:
            target = _ends_of(target, classes_that_count(loss, given, spec))
        classes, first = numbered(loss, given, spec)
        found.append(
            LossEvidence(
                _name(loss), name, _logits(loss),
                int(spec.shape[-1]) if sparse else None,
                activation, low, high, why, predicted[place], target,
                compares_all(loss, given, tuple(spec.shape)),
                each, compares_units(loss, given, spec, target),
                _over_time(problem.model) if each > 1 else "",
                _weighs_zeros(loss, given, spec), *_aligned(loss, given, spec),
                passed_over(loss, given, spec),
                *(floor_of(problem, loss, layer, place) if healthy else (0.0, 0.0)),
                are_goals(loss, given, spec, low, high),
                _below_zero(layer, low, target, evidence),
                columns=columns_of_one(loss, given, spec),
                numbered=classes,
                first=first,
                spread=spread(loss, given, spec),
                empty=with_an_empty_one(loss, given, spec),
                single=is_single(loss, given, spec),
                layout=other_layout(loss, given, spec),
            )
        )  # fmt: skip
    return in_other_order(problem, found)


def _ends_of(target, labels):
    """What is known of the targets, from the least to the largest of the labels that count."""
    if not labels.size:
        return target
    return replace(target, low=float(labels.min()), high=float(labels.max()))


def _weighs_zeros(loss, targets, spec):
    """By how much more an error counts where a target is near zero than elsewhere.

    Of the losses of Keras only the percentage error divides by the targets.
    """
    function = getattr(loss, "fn", loss)
    own = getattr(function, "__module__", "") == keras.losses.mean_squared_error.__module__
    relative = "percentage" in getattr(function, "__name__", "")
    dtype = keras.backend.standardize_dtype(targets.dtype)
    if (own and not relative) or not callable(loss) or "float" not in dtype:
        return 0.0
    y = to_numpy(targets)
    near = np.abs(y) <= _NEAR_ZERO * np.abs(y).max(initial=0.0)
    if tuple(spec.shape) != y.shape or not near.any() or near.all():
        return 0.0
    far = max(float(y.std()), 1e-6)
    try:
        each = [
            float(to_numpy(ops.mean(loss(targets, ops.cast(y + far * one, "float32")))))
            for one in (np.zeros_like(y), near, ~near)
        ]
    # A loss of the user's own may want another shape or dtype.
    except Exception:
        return 0.0
    at_zero = (each[1] - each[0]) / near.sum()
    elsewhere = (each[2] - each[0]) / (~near).sum()
    good = np.isfinite(each).all() and elsewhere > 0
    return float(at_zero / elsewhere) if good else 0.0


def _aligned(loss, targets, spec):
    """For a loss that aligns labels with steps: the steps, the most needed, how many lack some."""
    shape = tuple(spec.shape)
    if not isinstance(loss, keras.losses.CTC) or len(shape) != 3 or len(targets.shape) != 2:
        return 0, 0, 0
    needed = needed_steps(to_numpy(targets))
    return int(shape[1]), int(needed.max()), int((needed > shape[1]).sum())


def needed_steps(labels: np.ndarray) -> np.ndarray:
    """How many steps each of the labels of a CTC loss needs at least; zeros fill them up."""
    # A letter that is there twice in a row needs a step without one in between.
    twice = (labels[:, 1:] == labels[:, :-1]) & (labels[:, 1:] != 0)
    return (labels != 0).sum(axis=1) + twice.sum(axis=1)


def _over_time(model):
    """The last layer that gives an output for each step of a series."""
    named = [
        layer.name for layer in model._flatten_layers()
        if isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))
        and getattr(layer, "return_sequences", False)
    ]  # fmt: skip
    return named[-1] if named else ""


def _name(loss):
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__))


def _logits(loss):
    """Whether a cross-entropy takes logits; None for other losses, and where it does not say so."""
    if "crossentropy" not in _name(loss):
        return None
    named = getattr(loss, "_fn_kwargs", {})
    said = named.get("from_logits", getattr(loss, "from_logits", None))
    return None if said is None and is_own(loss) else bool(said)


def _adding(layer, evidence):
    """The last layer, or the one before an activation by itself, if it only adds; or None."""
    if isinstance(layer, (keras.layers.Activation, keras.layers.ReLU)):
        nodes = getattr(layer, "_inbound_nodes", ())
        given = nodes[0].arguments.keras_tensors if len(nodes) == 1 else ()
        layer = given[0]._keras_history.operation if len(given) == 1 else None
    least = None if layer is None else _least_of_sum(layer, evidence)
    return layer if least is not None and least >= 0 else None


def _least_of_sum(layer, evidence):
    """The least input of a last layer whose weights, a bias too, are kept from being negative."""
    weights = [r for r in evidence.weights if r.layer is layer]
    made = {id(m.record.variable): m for m in evidence.constraints}
    bounded = all(
        id(r.variable) in made and keeps_nonnegative(made[id(r.variable)]) for r in weights
    )
    names = [o.layer for o in evidence.outputs]
    if not weights or not bounded or layer.name not in names:
        return None
    place = names.index(layer.name)
    return evidence.outputs[place - 1].lowest if place > 0 else None


def _below_zero(layer, low, target, evidence):
    """The least output after the steps, where no target is negative, nor a weight; else 0."""
    last = [o.lowest for o in evidence.outputs_last if o.layer == getattr(layer, "name", "")]
    least = _least_of_sum(layer, evidence)
    if low > -np.inf or least is None or least >= 0 or target.low < 0 or not last:
        return 0.0
    # What a layer of the user's own does with its weights is not known to be a product.
    if getattr(layer, "kernel", None) is None:
        return 0.0
    return min(last[-1], 0.0)


def _range(layer, least=-_WIDE):
    """The activation that an output comes out of, and the least and largest value of that.

    Args:
        layer: The last layer.
        least: The least number that the activation is given.
    """
    activation = activation_of(layer)
    if getattr(activation, "activation", None) is keras.activations.softmax:
        activation = keras.activations.softmax  # Behind an `OutputScale`.
    if not callable(activation):
        return "", -np.inf, np.inf
    name = getattr(activation, "__name__", type(activation).__name__)
    if name == "softmax":  # Not one entry by itself.
        return name, 0.0, 1.0
    try:
        values = to_numpy(
            activation(ops.convert_to_tensor(np.linspace(least, _WIDE, 2001, dtype="float32")))
        )
    # An activation of the user's own may want another shape.
    except Exception:
        return name, -np.inf, np.inf
    low, high = (0.0 if abs(end) < _LITTLE else float(end) for end in (values.min(), values.max()))
    return name, -np.inf if low < -0.5 * _WIDE else low, np.inf if high > 0.5 * _WIDE else high
