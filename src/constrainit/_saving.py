"""The arguments of a set as plain Python that JSON can hold, and back."""

from typing import Any

import keras


def pack(value: Any) -> Any:
    """An argument as plain Python, sets inside of it included."""
    if isinstance(value, keras.constraints.Constraint):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    return value


def unpack(value: Any) -> Any:
    """The argument that `pack` was given, with lists for tuples."""
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    if isinstance(value, list):
        return [unpack(item) for item in value]
    return value
