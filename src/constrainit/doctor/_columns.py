"""What the columns of targets are to a loss of Keras: one for all, one for each, or classes."""

import math
from typing import Any

import keras
import numpy as np

from constrainit.doctor._evidence import DataEvidence
from constrainit.doctor._statistics import to_numpy

_BY_ENTRY = {
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "huber",
    "mean_squared_logarithmic_error", "log_cosh", "poisson", "binary_crossentropy",
    "binary_focal_crossentropy",
}  # fmt: skip
"""Losses of Keras that compare entry with entry, and broadcast."""

_SHARING = (keras.losses.categorical_crossentropy, keras.losses.categorical_focal_crossentropy)
"""Losses of Keras that divide what is predicted by its sum over the classes."""


def compares_each(loss: Any, targets: Any, spec: Any, target: DataEvidence) -> int:
    """How many predictions of an example a loss of Keras compares with its one target.

    A target that is the same for all examples, as for a discriminator of patches, says the same of
    each prediction.
    """
    predicted, given = tuple(spec.shape), tuple(targets.shape)
    if not _broadcasts(loss) or len(predicted) < 3 or not target.deviation:
        return 1
    if len(predicted) == len(given) + 1 and predicted[-1] == 1:
        predicted = predicted[:-1]
    if len(predicted) != len(given):
        return 1
    pairs = zip(predicted[1:-1] or predicted[1:], given[1:-1] or given[1:], strict=True)
    return math.prod(many for many, one in pairs if one == 1)


def other_layout(loss: Any, targets: Any, spec: Any) -> tuple[int, ...]:
    """The shape of an example's predictions, if its targets are as many in another layout.

    A loss of Keras then compares each with all of the others, as of 6 x 1 with 1 x 6.
    """
    predicted, given = tuple(spec.shape)[1:], tuple(targets.shape)[1:]
    if not _broadcasts(loss) or None in predicted or len(predicted) != len(given):
        return ()
    several, others = ([one for one in shape if one != 1] for shape in (predicted, given))
    if predicted == given or several != others:
        return ()
    fits = all(
        one == other or 1 in (one, other) for one, other in zip(predicted, given, strict=True)
    )
    return predicted if fits else ()


def compares_units(loss: Any, targets: Any, spec: Any, target: DataEvidence) -> int:
    """How many units of the last layer a loss of Keras compares with the one target of each."""
    predicted, given = tuple(spec.shape), tuple(targets.shape)
    alike = len(predicted) == len(given) > 1 and predicted[:-1] == given[:-1] and given[-1] == 1
    return predicted[-1] if alike and _broadcasts(loss) and target.deviation else 1


def columns_of_one(loss: Any, targets: Any, spec: Any) -> int:
    """How many columns of targets, not all alike, a loss of Keras compares with one unit; or 1."""
    predicted, given = tuple(spec.shape), tuple(targets.shape)
    alike = len(predicted) == len(given) > 1 and predicted[:-1] == given[:-1]
    if not alike or predicted[-1] != 1 or given[-1] == 1 or not _broadcasts(loss):
        return 1
    value = to_numpy(targets)
    return 1 if (value == value[..., :1]).all() else given[-1]


def numbered(loss: Any, targets: Any, spec: Any) -> tuple[int, int]:
    """How many columns a cross-entropy of Keras takes where it is given numbers of classes.

    The targets have the shape of the predictions without their last axis, or with one entry in it.

    Returns:
        The columns, or 0 if it is not so; and the number that the classes are counted from, where
        they do not fit if that is zero.
    """
    predicted, given = tuple(spec.shape), tuple(targets.shape)
    fits = given in (predicted[:-1], (*predicted[:-1], 1))
    if not _is_of(loss, keras.losses.categorical_crossentropy) or not fits or predicted[-1] < 2:
        return 0, 0
    value, classes = to_numpy(targets), predicted[-1]
    low, high = float(value.min()), float(value.max())
    first = int(low) if high >= classes else 0
    whole = bool((value == np.round(value)).all())
    return (classes, first) if whole and low >= 0 and high - first < classes else (0, 0)


def with_an_empty_one(loss: Any, targets: Any, spec: Any) -> int:
    """How many columns the targets of a cross-entropy of Keras have if the first is too many; or 0.

    It is that of no example, as `to_categorical` makes it of labels from one.
    """
    predicted, given = tuple(spec.shape), tuple(targets.shape)
    if not _is_of(loss, keras.losses.categorical_crossentropy) or len(given) != len(predicted):
        return 0
    value = to_numpy(targets)
    one_hot = bool(((value == 0) | (value == 1)).all() and (value.sum(axis=-1) == 1).all())
    too_many = given[-1] == predicted[-1] + 1 and not value[..., 0].any()
    return given[-1] if one_hot and too_many else 0


def spread(loss: Any, targets: Any, spec: Any) -> int:
    """How many columns the targets have of a cross-entropy of Keras that takes numbers; or 0."""
    predicted, given = tuple(spec.shape), tuple(targets.shape)
    sparse = _is_of(loss, keras.losses.sparse_categorical_crossentropy)
    if not sparse or given != predicted or given[-1] < 2:
        return 0
    value = to_numpy(targets)
    return given[-1] if value.min() >= 0 and value.max() <= 1 else 0


def is_single(loss: Any, targets: Any, spec: Any) -> bool:
    """Whether a loss of Keras shares one between the classes, and there is one unit only.

    The targets differ. Those of a loss that takes numbers of classes are 0 and 1: of more classes
    it lacks units.
    """
    sparse = _is_of(loss, keras.losses.sparse_categorical_crossentropy)
    if not sparse and not any(_is_of(loss, function) for function in _SHARING):
        return False
    axis, predicted = getattr(loss, "_fn_kwargs", {}).get("axis", -1), tuple(spec.shape)
    if not isinstance(axis, int) or not -len(predicted) <= axis < len(predicted):
        return False
    value = to_numpy(targets)
    labels = not sparse or ((value == 0) | (value == 1)).all()
    return predicted[axis] == 1 and bool(labels and (value != value.flat[0]).any())


def _is_of(loss, function):
    """Whether a loss is a function of Keras or a class that calls it."""
    return getattr(loss, "fn", loss) is function


def _broadcasts(loss):
    """Whether a loss is one of Keras that compares entry with entry."""
    function = getattr(loss, "fn", loss)
    own = getattr(function, "__module__", "") == keras.losses.mean_squared_error.__module__
    return own and function.__name__ in _BY_ENTRY
