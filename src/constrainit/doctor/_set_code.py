"""Sets and their starts as they are written in code."""

from typing import Any

import keras

import constrainit
from constrainit._set import ConstraintSet
from constrainit.sets import Intersection, NonNegative


def written(a_set: keras.constraints.Constraint) -> str:
    """A set as it is written, without arguments that are what they would be anyway."""
    if type(a_set) is NonNegative:
        return "ci.NonNegative()"
    if isinstance(a_set, Intersection):
        return " & ".join(map(written, a_set.sets))
    arguments = {k: v for k, v in a_set._arguments().items() if v is not None}
    shown = ", ".join(f"{name}={_value(value)}" for name, value in arguments.items())
    return f"{name_of(type(a_set))}({shown})"


def name_of(kind: type) -> str:
    """A class as it is written: under the alias `ci` if this library exports it."""
    known = getattr(constrainit, kind.__name__, None) is kind
    return f"ci.{kind.__name__}" if known else kind.__name__


def _value(value: Any) -> str:
    """An argument, in which there may be sets."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return written(value) if isinstance(value, ConstraintSet) else repr(value)


def drawn_from(a_set: ConstraintSet, arguments: str = "") -> str:
    """The initializer of a set, with its arguments as they are written."""
    made = written(a_set)
    return f"{f'({made})' if ' & ' in made else made}.initializer({arguments})"
