"""What activations and inputs may be called."""

import difflib
from typing import Any

import keras

from constrainit import _checks

DATA = "data"


def check_activation(owner: str, given: Any) -> None:
    """Raises ValueError for a name that no layer could take."""
    try:
        keras.activations.get(given)
    except (TypeError, ValueError):
        raise _checks.fail(
            owner, "activation", "be the name of an activation of Keras, or a callable",
            given, _like("activation", given),
        ) from None  # fmt: skip


def check_inputs(owner: str, inputs: Any) -> None:
    """Raises ValueError for what is neither `"data"` nor an activation."""
    if inputs is None or callable(inputs):
        return
    try:
        known = isinstance(inputs, str) and (inputs == DATA or keras.activations.get(inputs))
    except ValueError:
        known = False
    if not known:
        raise _checks.fail(
            owner, "inputs", 'be "data", the name of an activation of Keras, or a callable',
            inputs, _like("inputs", inputs, DATA),
        )  # fmt: skip


def _like(argument, given, *more):
    """What to write in place of a name that is misspelt, if one is like it."""
    known = [*more, *(name for name in dir(keras.activations) if not name.startswith("_"))]
    near = difflib.get_close_matches(str(given), known, n=1)
    return f"Write {argument}={near[0]!r} instead." if near else ""
