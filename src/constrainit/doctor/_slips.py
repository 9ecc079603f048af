"""Names that `keras.ops` does not know, written as other libraries have them."""

import difflib
import re

import keras

_ARGUMENTS = {"dim": "axis", "keepdim": "keepdims", "min": "x_min", "max": "x_max", "input": "x"}
"""How `keras.ops` names what PyTorch and NumPy name otherwise."""

_ARGUMENT = re.compile(r"unexpected keyword argument '(\w+)'")
_ONE_BOUND = re.compile(r"clip\(\) missing 1 required positional argument: 'x_m(ax|in)'")
_FUNCTION = re.compile(r"module 'keras\S*\bops\S*' has no attribute '(\w+)'")


def slip(message: str) -> str:
    """What to write where an error is about a name of `keras.ops`; empty if it is about another."""
    argument = _ARGUMENT.search(message)
    if argument and argument[1] in _ARGUMENTS:
        return f"write {_ARGUMENTS[argument[1]]} in place of {argument[1]}, as keras.ops names it"
    if _ONE_BOUND.search(message):
        return (
            "give keras.ops.clip both bounds, or take keras.ops.maximum(w, lower) for the lower "
            "one and keras.ops.minimum(w, upper) for the upper one"
        )
    function = _FUNCTION.search(message)
    if not function:
        return ""
    near = difflib.get_close_matches(function[1], dir(keras.ops), 1)
    written = f"write keras.ops.{near[0]}: " if near else ""
    return f"{written}keras.ops has no {function[1]}"
