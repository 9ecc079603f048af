"""What modules that a user had imported hold of the custom objects of a saved model."""

import re
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import keras

_OF_CONFIG = re.compile(
    r"Could not interpret \w+ identifier: \{[^{}]*'class_name': '([^']+)'"
    r".*'registered_name': '(?:[^']*>)?\1'",
    re.DOTALL,
)
"""What Keras says of a constraint, an initializer or the like whose class it does not find.

Keras' own classes have no registered name: one that is not found there belongs to no module that
could be imported.
"""

_OF_FUNCTION = re.compile(
    r"Could not interpret \w+ identifier: \{[^{}]*'class_name': 'function', 'config': '([^']+)'"
)
"""The same of a function, which goes by the name that it is registered by, or by its own."""

_MARKERS = (
    "Could not locate class '", "Could not locate function '", "Unknown layer: '",
    "Cannot deserialize object of type `",
)  # fmt: skip
"""What Keras says before the name of what it does not find, and the quote around that."""

_LAST = 10_000
"""Characters of such a message that are searched, from its end: it may quote a whole file."""

_KINDS = (
    keras.layers.Layer, keras.constraints.Constraint, keras.initializers.Initializer,
    keras.regularizers.Regularizer, keras.losses.Loss, keras.metrics.Metric,
    keras.optimizers.Optimizer, keras.optimizers.schedules.LearningRateSchedule,
)  # fmt: skip


def classes_of(modules: Iterable[ModuleType]) -> dict[str, Any]:
    """The classes of Keras' kinds that modules define, by name, registered or not.

    No functions: a file that nobody trusts could name any of them as an activation, which is
    called. And nothing that a module has from elsewhere.
    """
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, _KINDS)
        and value.__name__ == name
        and value.__module__.split(".")[0] == module.__name__.split(".")[0]
    }


def how_to_find(missing: str, modules: Iterable[ModuleType]) -> str:
    """What to do where a file needs an object that is not found, in sentences."""
    names = [module.__name__ for module in modules]
    holding = next((m.__name__ for m in modules if missing in vars(m)), None)
    if holding is not None:
        return (
            f"which {holding} has and does not register with Keras. Write @keras.saving."
            "register_keras_serializable() above it and save the model again; for this file write "
            f"keras.saving.get_custom_objects()[{missing!r}] = {missing} in {holding}."
        )
    lacking = f" and not in {' or '.join(names)}" if names else ""
    return (
        f"which is not registered{lacking}. Name the module that defines it: --import MODULE; a "
        "function has to be registered there: @keras.saving.register_keras_serializable()."
    )


def missing_object(message: str) -> str:
    """The name of what Keras does not find for a file, by what it raises; else empty."""
    for marker in _MARKERS:
        if marker in message:
            return message.split(marker)[1].split(marker[-1])[0]
    last = message[-_LAST:]
    found = _OF_FUNCTION.search(last) or _OF_CONFIG.search(last)
    return found[1] if found else ""
