"""The order of several outputs, and of what is given for each of them."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import LossEvidence
from constrainit.doctor._statistics import to_numpy

_SHARES = ("sigmoid", "softmax")


def as_outputs(y: Any, outputs: Any, names: Any) -> Any:
    """Targets by the names of outputs that the model gives as a list, as such a list."""
    listed = isinstance(outputs, (list, tuple)) and isinstance(y, dict)
    return [y[name] for name in names] if listed and names and set(names) == set(y) else y


def filled(y: Any, loss: Any, outputs: Any) -> tuple[Any, list[Any]]:
    """Targets with zeros for outputs that have neither a loss nor targets, and the places of these.

    `fit` takes targets that leave such outputs out, or hold None for them, and never reads them.
    What it does not take comes back as it is.

    Args:
        y: The targets, as they were given.
        loss: The losses, as `compile` takes them.
        outputs: What the model gives, or its shapes.
    """
    specs, losses, given = _by_place(outputs), _by_place(loss), _by_place(y)
    if len(specs) < 2 or not losses or not set(losses) <= set(specs):
        return y, []
    asked = [place for place in specs if losses.get(place) is not None]
    parts = [part for part in given.values() if part is not None]
    if not isinstance(y, dict) and len(given) < len(specs):
        if len(parts) != len(asked):
            return y, []
        # Keras hands them out to the losses in their order.
        given = dict(zip(asked, parts, strict=True))
    lacks = [place for place in specs if given.get(place) is None]
    if not lacks or not set(given) <= set(specs) or set(lacks) & set(asked):
        return y, []
    whole = {
        place: np.zeros(spec.shape, "float32") if place in lacks else given[place]
        for place, spec in specs.items()
    }
    return whole if isinstance(outputs, dict) else list(whole.values()), lacks


def _by_place(values):
    """The parts of a flat structure by name or number; one part by itself is the first."""
    if isinstance(values, dict):
        return values
    return dict(enumerate(values if isinstance(values, (list, tuple)) else [values]))


def losses_of(compiled: Any, outputs: Any) -> list[Any]:
    """The losses that Keras has made of those of `compile`, in the order of the outputs.

    Those of a dictionary come as that was written. An output without a loss has no place, and one
    may have several.
    """
    return [function for _, function in _in_order(compiled, outputs)]


def as_given(compiled: Any, losses: list[Any], outputs: Any) -> tuple[Any, Any]:
    """Other losses in the form in which those of `compile` were given, and their weights.

    Of one for all outputs there is one for each then, and as many weights. Those that have not
    changed are what they were given as.

    Args:
        compiled: The losses that Keras has made.
        losses: The others, one for each, in the order of `losses_of`.
        outputs: What the model gives, or its shapes.

    Raises:
        ValueError: An output has several losses.
    """
    pairs = _in_order(compiled, outputs)
    if len({path for path, _ in pairs}) < len(pairs):
        raise ValueError("Losses can not be replaced where an output has several of them.")
    given, weights = compiled._user_loss, compiled._user_loss_weights
    names: list[str] = [*(compiled.output_names or ())]
    if not keras.tree.is_nested(given):
        if len(losses) == 1:
            return losses[0], weights
        own = zip(losses, pairs, strict=True)
        losses = [given if loss is made else loss for loss, (_, made) in own]
        each = keras.tree.pack_sequence_as(outputs, losses)
        same = weights is None or keras.tree.is_nested(weights)
        return each, weights if same else keras.tree.map_structure(lambda _: weights, each)
    for (path, made), loss in zip(pairs, losses, strict=True):
        given = given if loss is made else replaced(given, path, loss, names)
    return given, weights


def replaced(given: Any, path: tuple[Any, ...], loss: Any, names: list[str]) -> Any:
    """A structure with another leaf, which may be told by the place of an output, or its name."""
    if not path:
        # A model of one output may have a list or dictionary of one loss.
        if isinstance(given, dict):
            return {name: None if one is None else loss for name, one in given.items()}
        return [loss] if isinstance(given, (list, tuple)) else loss
    key = path[0]
    if isinstance(given, dict):
        key = names[key] if isinstance(key, int) else key
        return {**given, key: replaced(given[key], path[1:], loss, names)}
    if not isinstance(given, (list, tuple)):
        return loss
    place = names.index(key) if isinstance(key, str) else key
    return [
        replaced(one, path[1:], loss, names) if at == place else one for at, one in enumerate(given)
    ]


def _in_order(compiled, outputs):
    """The paths and losses in the order of the outputs, where each of them has one."""
    made = [(path, function) for path, function, *_ in compiled._flat_losses]
    own = dict(made)
    paths = [path for path, _ in keras.tree.flatten_with_path(outputs)]
    if len(made) != len(paths) or set(own) != set(paths):
        return made
    return [(path, own[path]) for path in paths]


def in_other_order(problem: Any, found: list[LossEvidence]) -> list[LossEvidence]:
    """The losses; the one of labels that is given the targets of another one has its place.

    So it is where an output takes labels and is given numbers, while another one of the same shape
    takes numbers and is given labels. Numbers that are only out of a range say nothing of an order.

    Args:
        problem: What is trained.
        found: The loss of each output.
    """
    targets = keras.tree.flatten(problem.y)
    if problem.given_y is None or not 1 < len(found) == len(targets):
        return found
    values = [to_numpy(part) for part in targets]
    shapes = [tuple(spec.shape) for spec in keras.tree.flatten(problem.specs)]
    for at, one in enumerate(found):
        for other_at, other in enumerate(found):
            same = shapes[at] == shapes[other_at] and values[at].shape == values[other_at].shape
            if at == other_at or not same or not _takes_labels(one) or _takes_labels(other):
                continue
            numbers = values[at]
            wide = np.unique(numbers).size > 2 and not _are_labels(one, numbers)
            fits = other.low <= numbers.min() and numbers.max() <= other.high
            if wide and fits and _are_labels(one, values[other_at]):
                return [*found[:at], replace(one, other=other_at), *found[at + 1 :]]
    return found


def _takes_labels(made):
    return made.goals and ("crossentropy" in made.name or made.activation in _SHARES)


def _are_labels(made, values):
    if made.classes is None:
        return bool(np.isin(values, (0, 1)).all())
    whole = bool((values == np.round(values)).all())
    return whole and values.min() >= 0 and values.max() < made.classes
