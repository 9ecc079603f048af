"""Targets of several outputs that are given in another order than the outputs."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import LossEvidence
from constrainit.doctor._statistics import to_numpy

_SHARES = ("sigmoid", "softmax")


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
