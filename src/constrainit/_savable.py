"""Whether Keras saves the constraint of a weight, which is for the config of its layer to say."""

import uuid
from collections.abc import Iterable
from typing import Any

import keras

from constrainit._effective import is_adapted, remember
from constrainit._warning import warn
from constrainit.model import WeightRecord


def give(record: WeightRecord, constraint: Any, argument: Any) -> None:
    """Gives a weight its constraint, and the layer what its config is to say of it.

    Args:
        record: The weight.
        constraint: What acts on it, None for nothing.
        argument: What the layer would have been made with.
    """
    record.variable.constraint = constraint
    if _has_argument(record):
        setattr(record.layer, f"{record.argument}_constraint", argument)
    elif is_adapted(record):
        remember(record, argument)


def _has_argument(record):
    """Whether the layer takes a constraint for this weight; with LoRA it would not load with it."""
    return hasattr(record.layer, f"{record.argument}_constraint") and not is_adapted(record)


class _Marker(keras.constraints.Constraint):
    """Put in a layer for a moment to see whether the model's config would save it."""

    def __init__(self, token: str):
        self.token = token

    def get_config(self):
        return {"token": self.token}


def unsaved(model: keras.Model, records: Iterable[WeightRecord]) -> list[str]:
    """The paths of the weights whose constraint the config of the model would not hold."""
    marked, lost = [], []
    for record in records:
        attribute = f"{record.argument}_constraint"
        if _has_argument(record):
            marked.append((record, attribute, getattr(record.layer, attribute), uuid.uuid4().hex))
        else:
            lost.append(record.path)
    try:
        for record, attribute, _, token in marked:
            setattr(record.layer, attribute, _Marker(token))
        config = str(model.get_config())
    except NotImplementedError:
        config = ""
    finally:
        for record, attribute, before, _ in marked:
            setattr(record.layer, attribute, before)
    return lost + [record.path for record, _, _, token in marked if token not in config]


def warn_of_lost(paths: Iterable[str], removal: bool = False) -> None:
    """Warns that what weights obey is not in the file of a saved model, if there are any.

    Args:
        paths: Their paths.
        removal: Whether it is a constraint taken off that comes back.
    """
    names = ", ".join(map(repr, paths))
    if names:
        what = "the removal of the constraint" if removal else "the constraint"
        warn(
            f"Keras can not save {what} of {names}: the layer has no argument for it, or its "
            "config leaves it out. A loaded model has what its layers give themselves; call "
            "`constrain` again after loading."
        )
