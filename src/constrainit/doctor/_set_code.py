"""Sets and their starts as they are written in code."""

import keras

from constrainit._set import ConstraintSet
from constrainit.sets import Intersection, NonNegative


def written(a_set: keras.constraints.Constraint) -> str:
    """A set as it is written, without arguments that are what they would be anyway."""
    if isinstance(a_set, NonNegative):
        return "ci.NonNegative()"
    if isinstance(a_set, Intersection):
        return " & ".join(map(written, a_set.sets))
    arguments = {k: v for k, v in a_set._arguments().items() if v is not None}
    shown = ", ".join(
        f"{name}={written(value) if isinstance(value, ConstraintSet) else repr(value)}"
        for name, value in arguments.items()
    )
    return f"ci.{type(a_set).__name__}({shown})"


def drawn_from(a_set: ConstraintSet, arguments: str = "") -> str:
    """The initializer of a set, with its arguments as they are written."""
    made = written(a_set)
    return f"{f'({made})' if ' & ' in made else made}.initializer({arguments})"
