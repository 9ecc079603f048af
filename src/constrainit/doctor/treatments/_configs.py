"""The config that a model is made anew from."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import keras

_LAMBDA = "The object being serialized includes a `lambda`"


def config_of(model: keras.Model) -> Any:
    """The config of a model, which may be edited.

    Raises:
        ValueError: It has none, or part of it is a lambda, which Keras does not make anew.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=_LAMBDA)
        try:
            return copy.deepcopy(keras.saving.serialize_keras_object(model))
        # Of a lambda without a source Keras can not even warn, nor write what it closes over.
        except (UserWarning, OSError, NotImplementedError, TypeError) as reason:
            raise ValueError(f"{model.name!r} can not be made anew: {reason}") from None


def each(part: Any, edit: Callable[[dict[str, Any]], None]) -> None:
    """Calls `edit` on every serialized object of a config, outermost first."""
    if isinstance(part, dict):
        if isinstance(part.get("config"), dict):
            edit(part)
        for value in list(part.values()):
            each(value, edit)
    elif isinstance(part, list):
        for value in part:
            each(value, edit)
